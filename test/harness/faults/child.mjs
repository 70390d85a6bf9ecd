/** What the fault harness lets fail: `node child.mjs vite|rollup|webpack|watch|dev APP`. Says `ready` when it has begun. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [, , job, root] = process.argv
const out = join(root, 'dist')
const input = join(root, 'src/main.js')
console.log('ready')

async function vite() {
  const { default: onnx } = await import('unplugin-onnx/vite')
  return {
    vite: await import('vite'),
    config: {
      root,
      configFile: false,
      logLevel: 'error',
      cacheDir: join(root, '.cache/vite'),
      build: { emptyOutDir: false },
      plugins: [onnx()],
    },
  }
}

const jobs = {
  async vite() {
    const { vite: bundler, config } = await vite()
    await bundler.build(config)
  },
  async rollup() {
    process.chdir(root)
    const [{ rollup }, { default: onnx }] = await Promise.all([
      import('rollup'),
      import('unplugin-onnx/rollup'),
    ])
    const bundle = await rollup({ input, plugins: [onnx()] })
    await bundle.write({ dir: out, format: 'es' })
    await bundle.close()
  },
  async webpack() {
    const [{ default: webpack }, { default: onnx }] = await Promise.all([
      import('webpack'),
      import('unplugin-onnx/webpack'),
    ])
    const compiler = webpack({
      mode: 'production',
      context: root,
      entry: './src/main.js',
      output: { path: out },
      performance: { hints: false },
      plugins: [onnx()],
    })
    await new Promise((done, fail) =>
      compiler.run((error, stats) =>
        compiler.close(() => {
          if (error ?? !stats) fail(error)
          else if (stats.hasErrors())
            fail(new Error(stats.toString({ all: false, errors: true, colors: false })))
          else done(undefined)
        }),
      ),
    )
  },
  /** Builds again at every change, and never ends. */
  async watch() {
    process.chdir(root)
    const [{ watch }, { default: onnx }] = await Promise.all([
      import('rollup'),
      import('unplugin-onnx/rollup'),
    ])
    const watcher = watch({
      input,
      output: { dir: out, format: 'es' },
      plugins: [onnx()],
      watch: { buildDelay: 10 },
    })
    watcher.on('event', async (event) => {
      if (event.code === 'ERROR') console.error(event.error.message)
      if (event.code !== 'BUNDLE_END') return
      await event.result.close()
      console.log('built')
    })
  },
  /** Serves a page that asks for its models again and again, and never ends. */
  async dev() {
    const { vite: bundler, config } = await vite()
    const server = await bundler.createServer({ ...config, server: { port: 0, host: '127.0.0.1' } })
    await server.listen()
    const { port } = server.httpServer.address()
    const get = async (path) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`)
      const text = await answer.text()
      if (!answer.ok) console.error(text)
      return text
    }
    for (let round = 0; existsSync(root); round++) {
      await get('/src/main.js')
      for (const model of ['digits_mlp', 'diabetes_mlp']) {
        const code = await get(`/src/${model}.onnx?import`)
        const [file] = /\/__onnx\/files\/[^"?]+/.exec(code) ?? []
        if (file !== undefined) await get(file)
      }
      if (round === 0) console.log('built')
      await sleep(50)
    }
    await server.close()
  },
}

try {
  await jobs[job]()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
