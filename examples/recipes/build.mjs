/** Puts a recipe's models and data beside its code, and builds it for Node with Vite. */
import { cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import onnx from 'unplugin-onnx/vite'
import { build as bundle } from 'vite'

const shared = ['package.json', 'accuracy.ts', 'likeliest.ts', 'words.ts', 'vocabulary.json']

/**
 * A copy of the recipe with all that it needs.
 * @param into a folder from which packages are found
 * @returns the recipe's folder in it
 */
export function assemble(recipe, into) {
  const folder = join(into, recipe.folder)
  mkdirSync(folder, { recursive: true })
  const own = join(import.meta.dirname, recipe.folder)
  for (const file of readdirSync(own)) {
    if (/\.(ts|json)$/.test(file)) cpSync(join(own, file), join(folder, file))
  }
  for (const file of shared) cpSync(join(import.meta.dirname, file), join(into, file))
  for (const [as, file] of Object.entries(recipe.files)) cpSync(file, join(folder, as))
  return folder
}

/**
 * Builds what `assemble` has put together.
 * @param options of the plugin, beside those in the recipe's onnx.config.ts
 * @returns the app's exports, and the bytes of the variants that it opens
 */
export async function build(recipe, folder, options = {}) {
  return load(recipe, folder, 'dist', onnx({ logLevel: 'warn', ...options }))
}

/** The same app on the untouched source, in plain onnxruntime-node. */
export async function buildOnSource(recipe, folder) {
  return load(recipe, folder, 'dist-source', {
    name: 'untouched',
    enforce: 'pre',
    resolveId: (id, importer) => (id.endsWith('.onnx') ? `\0${join(dirname(importer), id)}` : undefined),
    load: (id) =>
      id.startsWith('\0') && id.endsWith('.onnx')
        ? `import { InferenceSession } from 'onnxruntime-node'
          export default { open: () => InferenceSession.create(${JSON.stringify(id.slice(1))}) }`
        : undefined,
  })
}

async function load(recipe, root, outDir, plugin) {
  await bundle({
    root,
    configFile: false,
    logLevel: 'error',
    plugins: [plugin],
    build: { ssr: recipe.entry, outDir, emptyOutDir: true },
  })
  const out = join(root, outDir)
  const app = await import(pathToFileURL(join(out, basename(recipe.entry).replace(/\.ts$/, '.js'))).href)
  const bytes = readdirSync(out, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.onnxv'))
    .reduce((sum, file) => sum + statSync(join(out, file)).size, 0)
  return { app, bytes }
}

/** Bytes of the source: the models, and what lies outside of them. */
export const sourceBytes = ({ files }) =>
  Object.entries(files)
    .filter(([as, file]) => /\.onnx(\.data)?$/.test(as) && existsSync(file))
    .reduce((sum, [, file]) => sum + statSync(file).size, 0)
