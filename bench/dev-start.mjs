/**
 * What importing one small model adds to the cold start of Vite's dev server, with its conversion in the cache: from the
 * start of the process until the page and all modules that it imports are served. The same app without plugin and model
 * runs by turns, each time in a process of its own with Vite's own cache cleared.
 *
 *   node bench/dev-start.mjs [--runs 15]
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(import.meta.url)
const root = resolve(here, '../..')
const [, , ...given] = process.argv
const at = given.indexOf('--runs')
const runs = at === -1 ? 15 : Number(given[at + 1])

/** One start in this process, whose only output is milliseconds: since it was started, and of processor time. */
async function start(dir, plugged) {
  const { createServer } = await import('vite')
  // 'wait' only matters to the very first start, which fills the cache.
  const options = { logLevel: 'silent', cache: { dir: join(dir, '.cache') }, dev: 'wait' }
  const plugins = plugged ? [(await import('unplugin-onnx/vite')).default(options)] : []
  const server = await createServer({
    root: dir,
    configFile: false,
    logLevel: 'silent',
    cacheDir: join(dir, '.vite'),
    plugins,
    server: { port: 0, host: '127.0.0.1' },
  })
  await server.listen()
  const origin = `http://127.0.0.1:${server.httpServer.address().port}`
  // As a browser does: the page, then what each module imports.
  const seen = new Set()
  const load = async (path) => {
    if (seen.has(path)) return
    seen.add(path)
    const response = await fetch(new URL(path, origin))
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status}\n${text}`)
    const imports = [...text.matchAll(/(?:from |import |src=)"([/][^"]+)"/g)].map(([, to]) => to)
    await Promise.all(imports.map(load))
  }
  await load('/')
  const milliseconds = performance.now()
  if (plugged && ![...seen].some((path) => path.includes('.onnx'))) throw new Error('no model was imported')
  const { user, system } = process.cpuUsage()
  process.stdout.write(JSON.stringify({ wall: milliseconds, cpu: (user + system) / 1000 }))
  process.exit()
}

if (given[0] === '--start') await start(given[1], given[2] === 'plugged')

const folder = mkdtempSync(join(tmpdir(), 'dev-start-'))
/** @param {boolean} plugged */
function appWith(plugged) {
  const dir = join(folder, plugged ? 'with' : 'without')
  mkdirSync(join(dir, 'src'), { recursive: true })
  symlinkSync(join(root, 'test/node_modules'), join(dir, 'node_modules'))
  writeFileSync(
    join(dir, 'index.html'),
    '<!doctype html><title>App</title><script type="module" src="/src/main.js"></script>',
  )
  for (let index = 0; index < 20; index++)
    writeFileSync(join(dir, `src/part${index}.js`), `export const part${index} = ${index}\n`)
  const parts = Array.from({ length: 20 }, (_, index) => `import { part${index} } from './part${index}.js'`)
  cpSync(join(root, 'test/fixtures/models/digits_mlp.onnx'), join(dir, 'src/model.onnx'))
  writeFileSync(
    join(dir, 'src/main.js'),
    `${parts.join('\n')}\n${plugged ? "import model from './model.onnx'\nconsole.log(model)\n" : ''}console.log(part0)\n`,
  )
  return dir
}

/** @returns {{ wall: number, cpu: number }} milliseconds */
function measure(dir, plugged) {
  rmSync(join(dir, '.vite'), { recursive: true, force: true })
  // Packages resolve from test/, which has both.
  const script = join(root, 'test/node_modules/.dev-start.mjs')
  cpSync(here, script)
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [script, '--start', dir, plugged ? 'plugged' : 'plain'],
    { encoding: 'utf8', cwd: dir },
  )
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

try {
  const plugged = appWith(true)
  const plain = appWith(false)
  // Fills the cache of conversions, which all that follow find warm.
  measure(plugged, true)
  measure(plain, false)
  const pairs = Array.from({ length: runs }, (_, index) => {
    const order = index % 2 === 0 ? [true, false] : [false, true]
    const result = {}
    for (const each of order) result[each] = measure(each ? plugged : plain, each)
    return result
  })
  console.log(`cold start of Vite's dev server until the page is served, medians of ${runs} by turns`)
  for (const clock of ['wall', 'cpu']) {
    const of = (each) => median(pairs.map((pair) => each(pair.true[clock], pair.false[clock])))
    const [model, none] = [of((a) => a), of((_, b) => b)]
    const [added, ratio] = [of((a, b) => a - b), of((a, b) => a / b)]
    console.log(
      `  ${clock === 'wall' ? 'time     ' : 'processor'}  without a model ${none.toFixed(0)} ms, with one ${model.toFixed(0)} ms: ${added.toFixed(0)} ms more, ratio ${ratio.toFixed(2)}`,
    )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
  rmSync(join(root, 'test/node_modules/.dev-start.mjs'), { force: true })
}
