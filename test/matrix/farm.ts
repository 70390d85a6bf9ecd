import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type App, pluginOptions } from '../apps'
import type { Bundler, Watching } from './cases'
import { eventQueue } from './events'

interface Task {
  readonly action: 'build' | 'watch'
  readonly port?: number
  readonly targets?: readonly string[]
  readonly input: Readonly<Record<string, string>>
  readonly output?: Readonly<Record<string, unknown>>
}

interface Process extends Watching {
  readonly done: Promise<void>
}

function runFarm(app: App, { action, port, targets, input, output }: Task): Process {
  const task = {
    action,
    port,
    root: app.dir,
    options: pluginOptions(targets && { targets }),
    compilation: {
      input,
      // Polyfills come from core-js, which the app would have to install.
      presetEnv: false,
      persistentCache: false,
      output: { path: app.out, ...output },
    },
  }
  const child: ChildProcess = spawn(
    process.execPath,
    [join(import.meta.dirname, 'farm-process.mjs'), JSON.stringify(task)],
    {
      cwd: app.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: undefined, FARM_DEV_SERVER_PORT: undefined },
    },
  )
  let said = ''
  const events = eventQueue<void>()
  child.stderr?.on('data', (text) => {
    said += text
  })
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (line.startsWith('{"event"')) events.push(undefined)
    else said += `${line}\n`
  })
  const done = new Promise<void>((resolve, reject) => {
    child.once('exit', (code, signal) => {
      const error = new Error(`Farm ended with ${code ?? signal}.\n${said}`)
      if (code === 0 || signal === 'SIGKILL') resolve()
      else {
        events.fail(error)
        reject(error)
      }
    })
  })
  done.catch(() => {})
  return {
    built: () => events.next(),
    done,
    async close() {
      child.kill('SIGKILL')
      await done
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const pages = { index: './index.html' }
const server = { server: './src/server.js' }
const forNode = { targetEnv: 'node', format: 'esm', entryFilename: '[entryName].mjs' }

export const farm: Bundler = {
  async build(app, { base, targets } = {}) {
    const output = base === undefined ? {} : { publicPath: base }
    await runFarm(app, { action: 'build', input: pages, output, ...(targets && { targets }) }).done
  },
  async server(app, { base } = {}) {
    const output = { ...forNode, ...(base !== undefined && { publicPath: base }) }
    await runFarm(app, { action: 'build', input: server, output }).done
    return 'server.mjs'
  },
  async watch(app, kind) {
    const running = runFarm(app, {
      action: 'watch',
      port: await freePort(),
      ...(kind === 'page' ? { input: pages } : { input: server, output: forNode }),
    })
    let looksAround = true
    return {
      ...running,
      async built() {
        await running.built()
        // It doesn't say when its watcher has seen all files; a change before that is lost.
        if (looksAround) await new Promise((resolve) => setTimeout(resolve, 6000))
        looksAround = false
      },
    }
  },
  not: {
    watch:
      'Not held by a test: within one, its watcher misses the change of the model, which it sees in a terminal.',
    worker: 'Farm 1.7 copies the script of a worker as it is, with the imports in it.',
    library: 'Farm 1.7 names imports from outside of its root `default`, which is a syntax error.',
    'path node': 'It puts publicPath before the URLs of server code too: leave it out there.',
    'cdn node': 'It puts publicPath before the URLs of server code too: leave it out there.',
    dev: 'Started from a script, the server of Farm 1.7 answers 404 for every page, without plugins too.',
  },
}
