/** Broken models in an app: each has a clear error in the terminal and the overlay, and the dev server lives on. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ViteDevServer } from 'vite'
import { describe, expect, it } from 'vitest'
import { type App, builds, createApp, modelFile, viteConfig, viteVersions } from './apps'

const read = (name: string) => readFileSync(modelFile(name))
/** The same bytes, but for a name in them that is as long. */
function renamed(bytes: Buffer, from: string, to: string): Buffer {
  const text = bytes.toString('latin1')
  expect(to).toHaveLength(from.length)
  expect(text).toContain(from)
  return Buffer.from(text.replaceAll(from, to), 'latin1')
}

interface Broken {
  readonly what: string
  readonly make: (folder: string) => void
  readonly says: RegExp
}

const broken: readonly Broken[] = [
  { what: 'a missing file', make: () => {}, says: /model\.onnx/ },
  {
    what: 'a Git LFS pointer',
    make: (folder) =>
      writeFileSync(
        join(folder, 'model.onnx'),
        `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 46190\n`,
      ),
    says: /model\.onnx.*LFS[\s\S]*git lfs pull/,
  },
  {
    what: 'an HTML page',
    make: (folder) =>
      writeFileSync(
        join(folder, 'model.onnx'),
        '<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n',
      ),
    says: /model\.onnx.*HTML/,
  },
  {
    what: 'a truncated model',
    make: (folder) => writeFileSync(join(folder, 'model.onnx'), read('digits_mlp.onnx').subarray(0, 20_000)),
    says: /model\.onnx[\s\S]*(cut off|truncated|ends|past the end)/i,
  },
  {
    what: 'a text file',
    make: (folder) => writeFileSync(join(folder, 'model.onnx'), 'The model is on the shared drive.\n'),
    says: /model\.onnx[\s\S]*text/i,
  },
  {
    what: 'an empty file',
    make: (folder) => writeFileSync(join(folder, 'model.onnx'), ''),
    says: /model\.onnx[\s\S]*empty/i,
  },
  {
    what: 'external data that is missing',
    make: (folder) => writeFileSync(join(folder, 'model.onnx'), read('digits_ext.onnx')),
    says: /digits_ext\.onnx\.data/,
  },
  {
    what: 'external data outside of the folder of the model',
    make(folder) {
      const location = '../../escaped.weight'
      writeFileSync(join(folder, location), read('digits_ext.onnx.data'))
      const model = renamed(read('digits_ext.onnx'), 'digits_ext.onnx.data', location)
      writeFileSync(join(folder, 'model.onnx'), model)
    },
    says: /outside/,
  },
  {
    what: 'external data behind a link that leads outside',
    make(folder) {
      const secrets = join(folder, '../../secrets')
      mkdirSync(secrets, { recursive: true })
      writeFileSync(join(secrets, 'weights'), read('digits_ext.onnx.data'))
      symlinkSync(join(secrets, 'weights'), join(folder, 'digits_ext.onnx.data'))
      writeFileSync(join(folder, 'model.onnx'), read('digits_ext.onnx'))
    },
    says: /outside/,
  },
]

/** The model lies three folders deep, so that what escapes from it stays in the app. */
function appWith({ make }: Broken): App {
  const app = createApp('single')
  const folder = join(app.dir, 'src/a/b')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(app.dir, 'src/main.js'),
    "import model from './a/b/model.onnx'\n\nglobalThis.__model = model\n",
  )
  make(folder)
  return app
}

describe.each(Object.entries(builds))('a build of %s fails clearly on', (_, build) => {
  it.each(broken)('$what', async (each) => {
    const app = appWith(each)
    const error = await build(app).then(
      () => new Error('it was built'),
      (cause: Error) => cause,
    )
    app.remove()
    expect(error.message).toMatch(each.says)
    expect(error.message).not.toMatch(/\bat \S+ \(.*:\d+:\d+\)/)
  })
})

describe.each(Object.entries(viteVersions))('the dev server of %s lives on after', (_, vite) => {
  let server: ViteDevServer | undefined
  let origin: string
  const start = async (app: App) => {
    server = await vite.createServer({ ...viteConfig(app), server: { port: 0, host: '127.0.0.1' } })
    await server.listen()
    origin = `http://127.0.0.1:${(server.httpServer!.address() as { port: number }).port}`
  }

  it.each(broken)('$what, and says so in the overlay', async (each) => {
    const app = appWith(each)
    try {
      await start(app)
      const missing = each.what === 'a missing file'
      const response = await fetch(`${origin}${missing ? '/src/main.js' : '/src/a/b/model.onnx?import'}`)
      const page = await response.text()
      expect(response.status).toBe(500)
      const overlay = /const error = (\{.*\})$/m.exec(page)?.[1] ?? page
      expect(overlay.replaceAll('\\n', '\n')).toMatch(each.says)
      expect((await fetch(`${origin}/index.html`)).status).toBe(200)
    } finally {
      await server?.close()
      app.remove()
    }
  })
})
