import { basename, join } from 'node:path'
import { type Conversion, filesOf } from '@unplugin-onnx/build/plugin'
import type { Variant } from '@unplugin-onnx/runtime'
import { type Bundler, shortHash, type Taken } from '../emit/bundler'
import { type EngineName, engineOfProvider } from './engines'
import { engineSpecifier, runtimeId } from './ids'
import { sourceText } from './source-text'

/**
 * The module that an import of a model gives: its description, the URLs of its variants, and the engines they need.
 * @param path of the model in its project: what a browser keeps of it is found again under that, in every version
 */
export async function assetModule(
  file: string,
  path: string,
  conversion: Conversion,
  bundler: Bundler,
): Promise<string> {
  const { manifest, dir } = conversion
  const variants = runnable(manifest.variants, bundler)
  const taken = new Map<string, Taken>()
  for (const { file: name } of filesOf({ variants }))
    taken.set(name, await bundler.take(join(dir, name), variantName(file, name)))
  const engines = new Set(variants.map(engineOf))
  const withUrl = (fields: object, name: string) =>
    `${sourceText(fields).slice(0, -1)},"url":${taken.get(name)?.url}}`
  const variantCode = variants.map(({ file: name, shards, ...variant }) => {
    const { target, provider, requires, bytes, sha256, recipe, session } = variant
    const code = withUrl({ target, provider, requires, bytes, sha256, recipe, session }, name)
    const shardCode = shards?.map(({ file: shard, ...fields }) => withUrl(fields, shard))
    return `    ${shardCode ? `${code.slice(0, -1)},"shards":[${shardCode}]}` : code},`
  })
  return [
    `import { defineAsset } from ${JSON.stringify(runtimeId)}`,
    ...[...engines].map((engine) => `import ${engine}Engine from ${JSON.stringify(engineSpecifier(engine))}`),
    ...new Set([...taken.values()].flatMap(({ head }) => head)),
    'export default /* @__PURE__ */ defineAsset({',
    `  name: ${sourceText(basename(file, '.onnx'))},`,
    `  id: ${sourceText(assetId(path))},`,
    `  inputs: ${sourceText(manifest.inputs)},`,
    `  outputs: ${sourceText(manifest.outputs)},`,
    '  variants: [',
    ...variantCode,
    '  ],',
    `  engines: { ${[...engines].map((engine) => `${engine}: ${engine}Engine`).join(', ')} },`,
    '})',
    '',
  ].join('\n')
}

/** The module of `./model.onnx?url`. */
export async function urlModule(file: string, bundler: Bundler): Promise<string> {
  const { head, url } = await bundler.take(file)
  return [...head, `export default ${url}`, ''].join('\n')
}

/**
 * A build for the server and one for browsers may share their targets; each takes what it can run. If that leaves
 * nothing, all: a server bundle may well import a model that only its browser half opens.
 */
function runnable(variants: readonly Variant[], { runs }: Bundler): readonly Variant[] {
  if (runs === 'unknown') return variants
  const own = variants.filter((variant) => (engineOf(variant) === 'node') === (runs === 'node'))
  return own.length > 0 ? own : variants
}

/** Models of one name are told apart, and no folder's name gets into the bundle. */
const assetId = (path: string): string =>
  `${basename(path, '.onnx')}-${shortHash(path.replaceAll('\\', '/'))}`

/** Conversions know no names of models, since many files may hold the same one: `int8.onnxv` becomes `det.int8.onnxv`. */
export const variantName = (model: string, file: string): string => `${basename(model, '.onnx')}.${file}`

const engineOf = ({ provider }: Variant): EngineName => engineOfProvider[provider]
