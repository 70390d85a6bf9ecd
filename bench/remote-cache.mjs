/**
 * The OCR example with a real remote cache: fresh clones that take all from it, a server that is off or never answers, and
 * servers that were poisoned. Exits with 1 where one of them converts what is there, waits too long or takes a wrong entry.
 *
 *   node bench/remote-cache.mjs [--rounds 2] [--quick leaves out the builds that take minutes]
 */
import { spawn } from 'node:child_process'
import { createHash, createHmac } from 'node:crypto'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { remoteEnvironment, startCacheServer } from './cache-server.mjs'

const { values } = parseArgs({ options: { rounds: { type: 'string' }, quick: { type: 'boolean' } } })
const rounds = Number(values.rounds ?? 2)
const example = join(import.meta.dirname, '../examples/vite-ocr')
const scratch = mkdtempSync(join(tmpdir(), 'unplugin-onnx-remote-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
const store = join(scratch, 'store')

/** A clone of the example with an empty cache. `quick` finds variants in less time, for builds that are only timed or right. */
function clone(name, quick) {
  const root = join(scratch, name)
  cpSync(example, root, {
    recursive: true,
    filter: (path) => !/node_modules|dist$/.test(path.slice(example.length)),
  })
  mkdirSync(join(root, 'node_modules'))
  for (const each of readdirSync(join(example, 'node_modules')))
    if (!each.startsWith('.'))
      symlinkSync(join(example, 'node_modules', each), join(root, 'node_modules', each))
  const config = readFileSync(join(root, 'vite.config.ts'), 'utf8')
  if (quick)
    writeFileSync(
      join(root, 'vite.config.ts'),
      config.replace('    onnx({\n', "    onnx({\n      effort: 'fast',\n      prefer: 'size',\n"),
    )
  return root
}

/** Builds a clone, and says how its models came. */
function build(name, environment, quick) {
  const root = clone(name, quick)
  const start = performance.now()
  const child = spawn(process.execPath, ['node_modules/vite/bin/vite.js', 'build'], {
    cwd: root,
    env: { ...process.env, NODE_PATH: '', NO_COLOR: '1', FORCE_COLOR: '0', ...environment },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk
    })
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      const seconds = (performance.now() - start) / 1000
      if (code !== 0) return reject(new Error(`${name}: exit code ${code}\n${output}`))
      const count = (pattern) => [...output.matchAll(pattern)].length
      resolve({
        seconds,
        converted: count(/ converted in /g),
        fetched: count(/ from the remote cache in /g),
        refused: count(/of the remote cache is not used/g),
        files: filesIn(join(root, 'dist')),
      })
    })
  })
}

/** sha256 by path. */
function filesIn(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(folder, file)).isFile(),
  )
  const hash = (file) =>
    createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex')
  return JSON.stringify(files.sort().map((file) => [file, hash(file)]))
}

let wrong = 0
const row = (what, { seconds, converted, fetched, refused, files }, expected, holds) => {
  const same = files === expected
  if (!same || !holds) wrong++
  const cells = [
    `${seconds.toFixed(1)} s`,
    converted,
    fetched,
    refused,
    same ? 'the same' : 'OTHERS',
    holds ? 'yes' : 'NO',
  ]
  console.log(`| ${what} | ${cells.join(' | ')} |`)
}
console.log('| build | time | converted | fetched | refused | bytes of dist | as it should |')
console.log('|---|---|---|---|---|---|---|')

const server = await startCacheServer(store)
/** @param {boolean} quick */
async function shared(name, quick) {
  const first = await build(`${name}-first`, remoteEnvironment(server.url, name, false), quick)
  row(
    `the first, which fills the server (${name})`,
    first,
    first.files,
    first.converted > 0 && first.fetched === 0,
  )
  const fresh = await build(`${name}-fresh`, remoteEnvironment(server.url, name, true), quick)
  const all = fresh.converted === 0 && fresh.fetched === first.converted
  row(`a fresh clone with an empty cache (${name})`, fresh, first.files, all)
  return first
}
const filler = await shared('quick', true)
const models = filler.converted

const team = join(store, 'quick')
const keys = readdirSync(team).filter((file) => !file.endsWith('.tag'))
const kept = join(scratch, 'kept')
cpSync(team, kept, { recursive: true })
/** Changes what the server has, and builds against that. */
async function poisoned(what, name, poison) {
  poison()
  const got = await build(name, remoteEnvironment(server.url, 'quick', true), true)
  row(what, got, filler.files, got.fetched === 0 && got.converted === models && got.refused === models)
  cpSync(kept, team, { recursive: true })
}
await poisoned('each entry replaced by another one, tag included', 'swapped', () => {
  for (const [index, key] of keys.entries())
    for (const end of ['', '.tag'])
      cpSync(join(kept, `${keys[(index + 1) % keys.length]}${end}`), join(team, `${key}${end}`))
})
await poisoned('each entry tagged with another key', 'retagged', () => {
  for (const key of keys) {
    const about = { format: 'unplugin-onnx entry 1', key, team: { slug: 'quick' } }
    const tag = createHmac('sha256', 'another-key-that-is-long-enough-to-be-one').update(
      `${JSON.stringify(about)}\n`,
    )
    writeFileSync(join(team, `${key}.tag`), tag.update(readFileSync(join(team, key))).digest('base64'))
  }
})

const times = { none: [], off: [], silent: [] }
for (let round = 0; round < rounds; round++) {
  const timed = async (kind, what, environment) => {
    const got = await build(`${kind}-${round}`, environment, true)
    times[kind].push(got.seconds)
    row(what, got, filler.files, got.converted === models)
  }
  await timed('none', 'no remote cache', {})
  await timed('off', 'a server that is off', remoteEnvironment('http://127.0.0.1:1', 'quick', true))
  server.signal('SIGSTOP')
  await timed('silent', 'a server that never answers', remoteEnvironment(server.url, 'quick', true))
  server.signal('SIGCONT')
}
// As the example is: its search for a mix of precisions takes minutes.
if (!values.quick) await shared('slow', false)
server.end()
const best = (kind) => Math.min(...times[kind])
for (const [kind, what] of [
  ['off', 'off'],
  ['silent', 'silent'],
]) {
  const more = best(kind) - best('none')
  console.log(
    `\nWith the server ${what}, the fastest of ${rounds} builds takes ${more.toFixed(1)} s more than without one.`,
  )
  if (more > 3) wrong++
}
if (wrong > 0) process.exitCode = 1
