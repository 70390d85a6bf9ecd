/** A model whose names are made to be more than text, from Vite's dev server to a built page: they stay text everywhere. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { encodeModel, Model, Tensor } from '@unplugin-onnx/core'
import type { Page } from 'playwright-core'
import ts from 'typescript'
import * as vite from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createApp, viteConfig } from './apps'
import { type Running, startDev } from './dev-servers'
import { launch } from './harness/browser.mjs'
import { serve } from './harness/server.mjs'

/** Everything that ends a string, a comment, an element, a line or a terminal's mood somewhere. */
const evil = [
  '</script><script>globalThis.__pwned = 1</script>',
  '<img src=x onerror="globalThis.__pwned = 2">',
  '*/ globalThis.__pwned = 3 /*',
  ['\'"`$', '{globalThis.__pwned = 4}\\'].join(''),
  'line\nbreak\r\u2028\u2029\u0085',
  '\u001b[2J\u001b]0;title\u0007\u009b31m',
  '\u202egnp.exe\u2066\u200b\ufeff',
  '\u0001\u007f',
].join(' ')
const named = (what: string) => `${what} ${evil}`
/** onnxruntime ends names of inputs and outputs here, so that nobody could feed such a one. */
const withZero = (what: string) => `${named(what)}\0`
const input = named('input')
const output = named('output')
/** What a terminal or a reader of code would act on. */
const active = /[^\P{Cc}\t\n]|[\p{Zl}\p{Zp}\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u

/** Vite's own. */
const colors = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g')

const size = 64
const weights = Float32Array.from({ length: size * size }, (_, at) => Math.sin(at * 12.9898) / 8)

/** y = x w + b, with a weight and a node that are called as Object's own properties are. */
function hostileModel(): Uint8Array {
  const model = Model.create({
    opsetImports: { '': 17 },
    name: named('graph'),
    inputs: { [input]: { kind: 'tensor', dataType: 'float32', shape: [named('batch'), size] } },
  })
  const { graph } = model
  model.producerName = named('producer')
  model.docString = named('doc')
  model.metadata.set('__proto__', named('metadata'))
  model.metadata.set(named('key'), 'constructor')
  const raw = new Uint8Array(weights.buffer)
  const weight = graph.addInitializer('__proto__', Tensor.fromBytes('float32', [size, size], raw))
  const bias = graph.addInitializer(withZero('bias'), Tensor.of('float32', [size], Array(size).fill(0.5)))
  const product = graph.addNode({
    opType: 'MatMul',
    name: withZero('node'),
    inputs: [graph.inputs[0], weight],
    outputs: ['constructor'],
  })
  const sum = graph.addNode({
    opType: 'Add',
    name: 'toString',
    inputs: [product.outputs[0], bias],
    outputs: [output],
  })
  graph.addOutput(sum.outputs[0]!, { kind: 'tensor', dataType: 'float32', shape: [named('batch'), size] })
  return encodeModel(model)
}

const main = `import model from './model.onnx'

const [{ name }] = model.inputs
model
  .open()
  .then((session) => session.run({ [name]: new Float32Array(${size}).fill(1) }))
  .then((outputs) => {
    const [[output, { data }]] = Object.entries(outputs)
    globalThis.__result = { input: name, output, sum: data.reduce((sum, each) => sum + each, 0) }
  })
  .catch((error) => {
    globalThis.__error = String(error)
  })
`
const expected = Array.from({ length: size }, (_, column) =>
  Array.from({ length: size }, (_, row) => weights[row * size + column]!).reduce(
    (sum, each) => sum + each,
    0.5,
  ),
).reduce((sum, each) => sum + each, 0)

const bin = resolve(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')

let app: App
let running: Running
let browser: Awaited<ReturnType<typeof launch>>
beforeAll(async () => {
  app = createApp('single')
  writeFileSync(join(app.dir, 'src/model.onnx'), hostileModel())
  writeFileSync(join(app.dir, 'src/main.js'), main)
  browser = await launch({ webgpu: false })
  const options = { targets: ['wasm'], effort: 'fast', dev: 'wait', logLevel: 'info' } as const
  running = await startDev(app, { ...options, cache: { dir: join(app.dir, '.cache/onnx') } })
})
afterAll(async () => {
  await running?.stop()
  await browser?.close()
  app?.remove()
})

const pwned = (page: Page) => page.evaluate(() => (globalThis as { __pwned?: number }).__pwned)

async function runs(url: string) {
  const { result, error, problems, extra } = await browser.visit(url, { after: pwned })
  expect([error, problems, extra]).toEqual([undefined, [], undefined])
  expect(result).toMatchObject({ input, output })
  expect(Math.abs((result as { sum: number }).sum - expected)).toBeLessThan(1)
}

describe('names of a hostile model', () => {
  it('run in a page of the dev server, and are text in its module', async () => {
    await runs(running.origin)
    const { text } = await running.get('/src/model.onnx?import')
    expect(text).not.toMatch(active)
    expect(text).not.toContain('</script')
    expect(text).not.toContain('<img')
  })

  it('are text in the types beside the model, which compile', () => {
    const file = join(app.dir, 'src/model.d.onnx.ts')
    const text = readFileSync(file, 'utf8')
    expect(text).not.toMatch(active)
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    expect((source as unknown as { parseDiagnostics: unknown[] }).parseDiagnostics).toEqual([])
    const kinds = source.statements.map(({ kind }) => ts.SyntaxKind[kind])
    expect(kinds).toEqual([
      'ImportDeclaration',
      'TypeAliasDeclaration',
      'TypeAliasDeclaration',
      'FirstStatement',
      'ExportAssignment',
    ])
    const names: string[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isPropertySignature(node) && ts.isStringLiteral(node.name)) names.push(node.name.text)
      ts.forEachChild(node, visit)
    }
    visit(source)
    expect(names).toEqual([input, output])
  })

  it('are text in the report, with each layer in it', async () => {
    const { problems, extra } = await browser.visit(`${running.origin}/__onnx/`, {
      before: (page) =>
        page.addInitScript(
          'addEventListener("load", () => setTimeout(() => { globalThis.__result = true }, 200))',
        ),
      after: async (page) => {
        await page.locator('[data-mark=layer]').first().click()
        return {
          pwned: await pwned(page),
          text: await page.locator('body').textContent(),
          images: await page.locator('img').count(),
        }
      },
    })
    expect(problems).toEqual([])
    expect(extra).toMatchObject({ pwned: undefined, images: 0 })
    expect((extra as { text: string }).text).toContain('</script><script>globalThis.__pwned = 1</script>')
  })

  it('are text in the overlay and the terminal, where one is what is wrong', async () => {
    const broken = readFileSync(join(app.dir, 'src/model.onnx'), 'latin1')
    // The weight is called otherwise where it is read: nothing makes what the node wants.
    const at = broken.indexOf('__proto__', broken.indexOf('MatMul') - 2000)
    const bytes = Buffer.from(`${broken.slice(0, at)}__prot0__${broken.slice(at + 9)}`, 'latin1')
    writeFileSync(join(app.dir, 'src/broken.onnx'), bytes)
    writeFileSync(join(app.dir, 'src/broken.js'), "import './broken.onnx'\n")
    writeFileSync(
      join(app.dir, 'broken.html'),
      '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/src/broken.js"></script>',
    )
    const { problems, extra } = await browser.visit(`${running.origin}/broken.html`, {
      before: (page) => page.addInitScript('globalThis.__result = true'),
      after: async (page) => {
        const message = page.locator('vite-error-overlay .message-body')
        await message.waitFor()
        return { pwned: await pwned(page), message: await message.textContent() }
      },
    })
    expect(extra).toMatchObject({ pwned: undefined })
    const { message } = extra as { message: string }
    expect(message).toContain('ONNX_MISSING_PRODUCER')
    expect(message).toContain('</script><script>globalThis.__pwned')
    expect(message).not.toMatch(active)
    // The module that there is none of, the one that imports it, and nothing else.
    expect(
      problems.filter((each) => !/500|ERR_ABORTED: .*\/src\/broken\.(onnx\?import|js)$/.test(each)),
    ).toEqual([])
    expect(running.printed.join('\n').replace(colors, '')).not.toMatch(active)
  })

  it('are text in what the command line prints, that of the file as well', () => {
    const file = join(app.dir, `\u001b[2J\u202e\u009b'"<b>\n.onnx`)
    writeFileSync(file, hostileModel())
    const broken = join(app.dir, 'src/broken.onnx')
    const out = join(app.dir, '.cache/out.onnx')
    const pass = ['--pass', 'quantize-weights', '--pass', 'prune-weights:{"amount":0.5}']
    const commands = [
      ['inspect', file],
      ['inspect', file, '--graph'],
      ['inspect', file, '--json'],
      ['transform', file, '--out', out, ...pass],
      ['transform', file, '--out', out, '--json', ...pass],
      ['inspect', broken],
      ['inspect', broken, '--json'],
      ['inspect', `${file}\u001b[2J`],
      ['compare', file, broken],
    ]
    for (const args of commands) {
      const { stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
        encoding: 'utf8',
        cwd: app.dir,
      })
      expect([args, stdout.length + stderr.length > 20]).toEqual([args, true])
      expect(`${stdout}${stderr}`).not.toMatch(active)
      if (args.includes('--json')) expect(JSON.parse(stdout)).toBeTypeOf('object')
    }
    const inspected = spawnSync(process.execPath, [bin, 'inspect', file, '--json'], { encoding: 'utf8' })
    expect(JSON.parse(inspected.stdout).inputs[0].name).toBe(input)
  })

  it('run in a built page, and are text in its code and in the report beside it', async () => {
    const report = join(app.dir, 'report.html')
    await vite.build(
      viteConfig(app, {
        targets: ['wasm'],
        effort: 'fast',
        report,
        cache: { dir: join(app.dir, '.cache/onnx') },
      }),
    )
    const server = await serve(app.out)
    try {
      await runs(server.url)
    } finally {
      await server.close()
    }
    for (const file of app.files().filter((each) => each.endsWith('.js') && !each.includes('ort')))
      expect([file, app.read(file).includes('</script')]).toEqual([file, false])
    const page = readFileSync(report, 'utf8')
    expect(page.match(/<script/g)).toHaveLength((page.match(/<\/script>/g) ?? []).length)
    expect(page).not.toContain('<img')
    expect(JSON.parse(readFileSync(join(app.dir, 'report.json'), 'utf8')).manifest.inputs[0].name).toBe(input)
  })
})
