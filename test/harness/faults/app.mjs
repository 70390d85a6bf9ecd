/** The app that faults strike: two small models, quickly converted, and what comes of them. */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'

const test = resolve(import.meta.dirname, '../..')
const models = join(test, 'fixtures/models')
const cli = resolve(test, '../packages/unplugin/bin/unplugin-onnx.js')
const child = join(import.meta.dirname, 'child.mjs')

/** What is asked for is what is measured alike on every run: times decide nothing. */
const config = (limits) => `export default {
  targets: ['wasm'],
  effort: 'fast',
  prefer: 'size',
  cache: { dir: './cache' },
  logLevel: 'warn',
  models: { '**/*.onnx': { recipes: ['int8', 'float16'] } },
  ${limits === undefined ? '' : `limits: ${JSON.stringify(limits)},`}
}
`

/** What builds an app. `next`: the build that comes after one that never ends. */
export const jobs = {
  vite: { title: 'vite build' },
  rollup: { title: 'rollup build' },
  webpack: { title: 'webpack build' },
  watch: { title: 'rollup in watch mode', next: 'rollup' },
  dev: { title: "vite's dev server", next: 'vite' },
  convert: { title: 'convert' },
  transform: { title: 'transform' },
}

/** @param {string} root of an app */
export const commandOf = (job, root) => {
  if (job === 'convert') return [process.execPath, cli, 'convert', 'src/*.onnx', '-o', 'dist', '--no-report']
  if (job === 'transform')
    return [process.execPath, cli, 'transform', 'src/digits_mlp.onnx', '-o', 'dist/digits.onnx', '-r', 'int8']
  return [process.execPath, child, job, root]
}
/** Makes an entry that no job asks for. */
export const otherCommand = [
  ...[process.execPath, cli, 'convert', 'src/digits_mlp.onnx', '-o', 'dist', '--no-report'],
  ...['-t', 'portable', '-r', 'float16'],
]
export const pruneCommand = [process.execPath, cli, 'cache', 'prune', '--all']

/**
 * Makes an app in a folder.
 * @param {{ cache?: string, limits?: object, model?: Uint8Array }} [options] cache: folder to begin with; model: the only
 *   one that it has
 */
export function createApp(root, { cache, limits, model } = {}) {
  mkdirSync(root, { recursive: true })
  cpSync(join(test, 'fixtures/apps/basic'), root, { recursive: true })
  mkdirSync(join(root, 'src'), { recursive: true })
  mkdirSync(join(root, 'dist'))
  if (model === undefined)
    for (const name of ['digits_mlp.onnx', 'diabetes_mlp.onnx'])
      cpSync(join(models, name), join(root, 'src', name))
  else writeFileSync(join(root, 'src/model.onnx'), model)
  symlinkSync(join(test, 'node_modules'), join(root, 'node_modules'))
  writeFileSync(join(root, 'onnx.config.mjs'), config(limits))
  if (cache !== undefined) cpSync(cache, join(root, 'cache'), { recursive: true })
}

/** Puts another model into the place of one, and back: what a watcher sees. */
export const swapModel = (root) =>
  cpSync(join(models, 'diabetes_mlp.onnx'), join(root, 'src/digits_mlp.onnx'))
export const restoreModel = (root) =>
  cpSync(join(models, 'digits_mlp.onnx'), join(root, 'src/digits_mlp.onnx'))

/** sha256 by path of all files in folders of an app that a build writes. */
export function outputOf(root) {
  const files = new Map()
  for (const folder of ['dist', 'src']) {
    for (const file of filesIn(join(root, folder)))
      files.set(`${folder}/${file}`, hash(join(root, folder, file)))
  }
  return files
}

const entriesIn = (cache) => join(cache, 'v2/entries')

/** sha256 by path of what a cache holds; reports have times in them. */
export function entriesOf(cache) {
  const files = new Map()
  for (const file of filesIn(entriesIn(cache)))
    if (!file.endsWith('report.json')) files.set(file, hash(join(entriesIn(cache), file)))
  return files
}

/** Folders of a cache's entries. */
export const entryFolders = (cache) =>
  existsSync(entriesIn(cache)) ? readdirSync(entriesIn(cache)).map((key) => join(entriesIn(cache), key)) : []

/** What nobody should find when nobody is at work. */
export function leftoversOf(root) {
  const found = []
  for (const folder of ['tmp', 'locks', 'uses'])
    for (const file of filesIn(join(root, 'cache/v2', folder), true)) found.push(`${folder}/${file}`)
  for (const folder of ['dist', 'src'])
    for (const file of filesIn(join(root, folder))) if (file.endsWith('.tmp')) found.push(`${folder}/${file}`)
  return found
}

/** What differs between two sets of hashed files. */
export function differences(expected, actual) {
  const wrong = []
  const lost = []
  for (const [file, sha256] of expected) {
    const own = actual.get(file)
    if (own === undefined) lost.push(file)
    else if (own !== sha256) wrong.push(file)
  }
  const more = [...actual.keys()].filter((file) => !expected.has(file))
  return { wrong, lost, more }
}

function filesIn(folder, folders = false) {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => folders || statSync(join(folder, file)).isFile(),
  )
}

const hash = (file) => createHash('sha256').update(readFileSync(file)).digest('hex')

export const remove = (folder) => rmSync(folder, { recursive: true, force: true })
