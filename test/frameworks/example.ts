/** The apps of examples/frameworks, each in a folder of its own and built by the framework's own command. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { commandOf, env, run } from '../../examples/testing'

const examples = resolve(import.meta.dirname, '../../examples/frameworks')
const temporary = (name: string) => mkdtempSync(join(tmpdir(), `unplugin-onnx-${name}-`))

/** All apps hold the same model: it is converted once. */
const conversions = temporary('conversions')
process.once('exit', () => rmSync(conversions, { recursive: true, force: true }))

/** Nobody is told of these builds. */
const quiet = { ...env, NEXT_TELEMETRY_DISABLED: '1', ASTRO_TELEMETRY_DISABLED: '1' }

export interface Example {
  readonly dir: string
  /** Runs a command that a package of the app brings, such as `vite`. @returns what it printed */
  build(packageName: string, command: string, ...args: string[]): Promise<string>
  /** Runs a program of the app. @returns what it printed */
  run(program: string): Promise<string>
  /** Starts a program that serves the app at a port of this machine, and waits until it does. */
  start(
    program: (port: string) => readonly string[],
  ): Promise<{ readonly url: string; close(): Promise<void> }>
  remove(): void
}

/** Copies an app as a user would, with the packages that it has. */
export function copyExample(name: string): Example {
  const source = join(examples, name)
  const dir = temporary(name)
  const packages = join(source, 'node_modules')
  // Outputs of builds in place are none of the app.
  const own = readdirSync(source).filter((entry) => !/^(\.|node_modules$|dist$|build$)/.test(entry))
  for (const entry of own) cpSync(join(source, entry), join(dir, entry), { recursive: true })
  mkdirSync(join(dir, 'node_modules/.cache'), { recursive: true })
  symlinkSync(conversions, join(dir, 'node_modules/.cache/unplugin-onnx'))
  for (const entry of readdirSync(packages))
    if (!entry.startsWith('.')) symlinkSync(join(packages, entry), join(dir, 'node_modules', entry))
  const node = async (...args: string[]) => {
    const { stdout, stderr } = await run(process.execPath, args, {
      cwd: dir,
      env: quiet,
      maxBuffer: 1 << 26,
    }).catch((error) => {
      throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`)
    })
    return `${stdout}${stderr}`
  }
  return {
    dir,
    build: (packageName, command, ...args) => node(commandOf(dir, packageName, command), ...args),
    run: node,
    async start(program) {
      const port = String(await freePort())
      const child = spawn(process.execPath, program(port), { cwd: dir, env: { ...quiet, PORT: port } })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
      const ended = new Promise<void>((done) => child.once('close', () => done()))
      const url = `http://localhost:${port}/`
      await Promise.race([
        answers(url),
        ended.then(() => {
          throw new Error(`The server ended.\n${output}`)
        }),
      ])
      return {
        url,
        async close() {
          child.kill()
          await ended
        },
      }
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

const freePort = () =>
  new Promise<number>((done) => {
    const server = createServer().listen(0, () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

async function answers(url: string): Promise<void> {
  while (
    !(await fetch(url).then(
      () => true,
      () => false,
    ))
  )
    await new Promise((done) => setTimeout(done, 50))
}
