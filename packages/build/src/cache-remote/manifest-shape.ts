import type { Manifest } from '@unplugin-onnx/runtime'
import { variantFiles } from '../variant-files'

/** An archive that isn't an entry, whoever signed it. */
export class NotAnEntry extends Error {}

/** File names that conversions give their files: no path, no hidden file, nothing that a system takes for a device. */
const fileName = /^(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[a-z0-9][a-z0-9._+-]*$/i
/** What an entry holds beside variants. */
const ownNames: ReadonlySet<string> = new Set(['manifest.json', 'manifest.sha256', 'report.json'])

/**
 * Whether a value that came from elsewhere can be read as a manifest: what decides where files are written and what is in
 * them is held against its form, file by file.
 */
export function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || value.version !== 1) return false
  const { source, variants, inputs, outputs, candidates, warnings, verifiedOn, engines } = value
  return (
    isObject(source) &&
    isSha256(source.sha256) &&
    isSize(source.bytes) &&
    Array.isArray(source.external) &&
    [inputs, outputs, candidates, warnings].every(Array.isArray) &&
    isObject(verifiedOn) &&
    isObject(engines) &&
    Array.isArray(variants) &&
    variants.length > 0 &&
    variants.every(isVariant) &&
    agree(value as unknown as Manifest)
  )
}

const isVariant = (value: unknown): boolean =>
  isObject(value) &&
  [value.target, value.provider, value.recipe].every((each) => typeof each === 'string') &&
  isFile(value) &&
  isObject(value.accuracy) &&
  (value.shards === undefined ||
    (Array.isArray(value.shards) &&
      value.shards.every((shard) => isObject(shard) && isFileName(shard.path) && isFile(shard))))

/** A name stands for one content, whatever the case of its letters, and each variant is as large as its files. */
function agree({ variants }: Manifest): boolean {
  const known = new Map<string, string>()
  return variants.flatMap(variantFiles).every(({ file, bytes, sha256 }) => {
    const content = `${file} ${bytes} ${sha256}`
    const before = known.get(file.toLowerCase()) ?? content
    known.set(file.toLowerCase(), content)
    return bytes >= 0 && before === content
  })
}

const isFile = ({ file, bytes, sha256 }: Record<string, unknown>): boolean =>
  isFileName(file) && isSize(bytes) && isSha256(sha256)

const isFileName = (value: unknown): boolean =>
  typeof value === 'string' &&
  value.length <= 200 &&
  fileName.test(value) &&
  !ownNames.has(value.toLowerCase())

const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0
const isSha256 = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
