/** `unplugin-onnx diff` over folders and git revisions, and the action that brings it to a pull request. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { encodeModel, readModel, Tensor } from '@unplugin-onnx/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { modelFile } from './apps'

const bin = resolve(import.meta.dirname, '../packages/unplugin/bin/unplugin-onnx.js')
const action = resolve(import.meta.dirname, '../action')
let root: string

const env = {
  ...process.env,
  CI: 'true',
  NO_COLOR: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
}
const git = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8', env })
  expect(status, stderr).toBe(0)
  return stdout.trim()
}
const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: join(root, 'app'),
    encoding: 'utf8',
    env,
  })
  return { code: status, stdout, stderr }
}
const config = (text: string) =>
  writeFileSync(
    join(root, 'app/onnx.config.ts'),
    `import { targets } from './targets'\nexport default { targets, models: { '**': { recipes: ['float16'] } }, ${text} }\n`,
  )

/** Other weights in one layer. */
function change(file: string): void {
  const model = readModel(readFileSync(file))
  const [value] = [...model.initializers()].filter(({ initializer }) => initializer?.dims.length === 2)
  const { dims } = value!.initializer!
  const weights = Float32Array.from(value!.initializer!.float32(), (weight, index) =>
    index % 5 === 0 ? weight * 1.5 : weight,
  )
  value!.initializer = Tensor.fromBytes('float32', dims, new Uint8Array(weights.buffer))
  writeFileSync(file, encodeModel(model))
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'unplugin-onnx-diff-'))
  mkdirSync(join(root, 'app/models'), { recursive: true })
  cpSync(modelFile('digits_mlp.onnx'), join(root, 'app/models/a.onnx'))
  cpSync(modelFile('diabetes_mlp.onnx'), join(root, 'app/models/b.onnx'))
  writeFileSync(join(root, 'app/targets.ts'), "export const targets = ['wasm', 'node']\n")
  config('')
  writeFileSync(join(root, '.gitignore'), 'node_modules\n')
  git('init', '--quiet', '--initial-branch=main')
  git('add', '.')
  git('commit', '--quiet', '--message=Models')
  change(join(root, 'app/models/a.onnx'))
  git('commit', '--quiet', '--all', '--message=Train a again')
})
afterAll(() => rmSync(root, { recursive: true }))

describe('diff', () => {
  it('names the model, the targets and the bytes where a layer has other weights, between revisions', () => {
    const { code, stdout, stderr } = run('diff', 'HEAD~1', 'HEAD')
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(
      /^\| `models\/a\.onnx` \| wasm, node \| [\d,]+ \(±0\) \| [\d,]+ → [\d,]+ \([+−][\d,]+, /m,
    )
    expect(stdout).toContain('As before: `models/b.onnx`.')
    // Nothing of the revisions is left, and the user's index is as it was.
    expect(existsSync(join(root, 'app/node_modules/.cache/unplugin-onnx-revisions'))).toBe(false)
    expect(git('status', '--porcelain')).toBe('')
  })

  it('takes the working tree for the head where none is named, without what convert wrote into it', () => {
    expect(run('convert', 'models/a.onnx', 'models/b.onnx', '--out', 'out', '--no-report').code).toBe(0)
    const { code, stdout, stderr } = run('diff', 'HEAD~1', '--json')
    expect(code, stderr).toBe(0)
    const diff = JSON.parse(stdout)
    expect(diff.variants.map((each: { model: string; target: string }) => [each.model, each.target])).toEqual(
      [
        ['models/a.onnx', 'wasm'],
        ['models/a.onnx', 'node'],
      ],
    )
    expect(diff.added).toEqual([])
    expect(run('diff', 'HEAD', 'out').stdout).toBe('No variant of 2 models changed.\n')
    expect(run('diff', 'out/a/manifest.json', 'out/b/manifest.json').stdout).toContain('float16')
  })

  it('exits with 3 where the head exceeds a size budget', () => {
    config("budgets: { '**/a.onnx': { wasm: 100 }, total: '1 MB' }")
    try {
      const { code, stdout } = run('diff', 'HEAD')
      expect(code).toBe(3)
      expect(stdout).toMatch(/^\| `models\/a\.onnx` \| `wasm` \| [\d,]+ \| 100 \| \*\*[\d,]+ over\*\* \|$/m)
      expect(stdout).toMatch(/^\| `total` \| +\| [\d,]+ \| 1,000,000 \| within \|$/m)
    } finally {
      git('checkout', '--quiet', '--', 'app/onnx.config.ts')
    }
  })

  it('says what it takes where a side is nothing that it knows', () => {
    const unknown = run('diff', 'v9', 'HEAD')
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('ONNX_DIFF_SIDE_UNKNOWN')
    writeFileSync(join(root, 'app/out/manifest.json'), '{ "version": 1 }')
    for (const side of ['out', 'out/manifest.json', 'models']) {
      const { code, stderr } = run('diff', side, 'out')
      expect(code).toBe(1)
      expect(stderr).toContain('ONNX_MANIFEST_UNREADABLE')
    }
    const option = run('diff', '--', '--output=x', 'HEAD')
    expect(option.stderr).toContain('ONNX_DIFF_SIDE_UNKNOWN')
    rmSync(join(root, 'app/out'), { recursive: true })
  })
})

describe('the action', () => {
  it('writes the table into the job summary, and into one comment that it updates', async () => {
    const comments: { id: number; body: string }[] = [{ id: 1, body: 'Looks good' }]
    const calls: string[] = []
    let allowed = true
    const server = createServer(async (request, response) => {
      const text = (await request.toArray()).join('')
      calls.push(`${request.method} ${request.url}`)
      expect(request.headers.authorization).toBe('Bearer secret')
      if (request.method !== 'GET' && !allowed) return response.writeHead(403).end('{}')
      if (request.method === 'POST') comments.push({ id: comments.length + 1, body: JSON.parse(text).body })
      if (request.method === 'PATCH') {
        const id = Number(request.url?.split('/').at(-1))
        comments[id - 1]!.body = JSON.parse(text).body
      }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(request.method === 'GET' ? comments : {}))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const temporary = mkdtempSync(join(root, 'runner-'))
    const tools = join(temporary, 'bin')
    mkdirSync(tools)
    // What npx runs is installed in a project; here it is the one that is tested.
    writeFileSync(join(tools, 'npx'), `#!/bin/sh\nshift 2\nexec "${process.execPath}" "${bin}" "$@"\n`, {
      mode: 0o755,
    })
    const summary = join(temporary, 'summary.md')
    const compare = async (base: string) => {
      const output = join(temporary, 'output')
      writeFileSync(output, '')
      const compared = spawnSync(join(action, 'compare.sh'), {
        cwd: join(root, 'app'),
        encoding: 'utf8',
        env: {
          ...env,
          BASE: base,
          PATH: `${tools}${delimiter}${process.env.PATH}`,
          RUNNER_TEMP: temporary,
          GITHUB_OUTPUT: output,
          GITHUB_STEP_SUMMARY: summary,
        },
      })
      const [, markdown = ''] = /^markdown=(.+)$/m.exec(readFileSync(output, 'utf8')) ?? []
      if (markdown === '') return { code: compared.status, said: compared.stderr }
      const child = spawn(process.execPath, [join(action, 'comment.mjs')], {
        env: {
          ...env,
          GITHUB_API_URL: `http://127.0.0.1:${port}`,
          GITHUB_REPOSITORY: 'owner/name',
          GITHUB_TOKEN: 'secret',
          MARKDOWN: markdown,
          PULL_REQUEST: '7',
        },
      })
      const said = (await child.stdout.toArray()).join('')
      if (child.exitCode === null) await once(child, 'exit')
      expect(child.exitCode).toBe(0)
      return { code: compared.status, said }
    }
    try {
      expect((await compare(git('rev-parse', 'HEAD~1'))).code).toBe(0)
      expect(readFileSync(summary, 'utf8')).toMatch(/^## ONNX models\n\n\| Model \| Target/)
      expect(comments).toHaveLength(2)
      expect(comments[1]?.body).toMatch(/^<!-- unplugin-onnx diff .*-->\n## ONNX models\n\n\| Model/)

      await compare('HEAD')
      expect(comments).toHaveLength(2)
      expect(comments[1]?.body).toContain('No variant of 2 models changed.')
      expect(comments[0]?.body).toBe('Looks good')

      allowed = false
      expect((await compare('HEAD~1')).said).toContain('::notice::')

      const before = calls.length
      expect((await compare('$(touch hacked)')).code).toBe(2)
      expect(existsSync(join(root, 'app/hacked'))).toBe(false)
      expect(calls).toHaveLength(before)
    } finally {
      server.close()
    }
  })
})
