import type { Manifest } from '@unplugin-onnx/runtime'
import { isTensorType } from '../tensor-types'
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
    areAll(inputs, isSignature) &&
    areAll(outputs, isSignature) &&
    areAll(candidates, isCandidate) &&
    areAll(warnings, isText) &&
    isObject(verifiedOn) &&
    (verifiedOn.source === 'calibration' || verifiedOn.source === 'synthesized') &&
    isSize(verifiedOn.samples) &&
    isObject(engines) &&
    areAll(variants, isVariant) &&
    variants.length > 0 &&
    agree(value as unknown as Manifest)
  )
}

const isVariant = (value: unknown): boolean =>
  isObject(value) &&
  [value.target, value.provider, value.recipe].every(isText) &&
  isFile(value) &&
  isSize(value.brotliBytes) &&
  isAccuracy(value.accuracy) &&
  areTexts(value.requires) &&
  (value.shards === undefined ||
    (Array.isArray(value.shards) &&
      value.shards.every((shard) => isObject(shard) && isFileName(shard.path) && isFile(shard))))

const isSignature = (value: unknown): boolean =>
  isObject(value) &&
  isText(value.name) &&
  isTensorType(value.type) &&
  (value.dims === undefined ||
    areAll(value.dims, (dim) => dim === null || isText(dim) || typeof dim === 'number'))

const isCandidate = (value: unknown): boolean =>
  isObject(value) &&
  [value.target, value.recipe, value.reason].every(isText) &&
  isSize(value.bytes) &&
  areTexts(value.requires) &&
  (value.accuracy === undefined || isAccuracy(value.accuracy))

const isAccuracy = (value: unknown): boolean =>
  isObject(value) &&
  [value.sqnr, value.cosine, value.maxError].every(isNumber) &&
  (value.top1 === undefined || isNumber(value.top1))

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

const isNumber = (value: unknown): boolean => typeof value === 'number'
const isText = (value: unknown): value is string => typeof value === 'string'
const areTexts = (value: unknown): boolean => value === undefined || areAll(value, isText)
const areAll = (value: unknown, test: (each: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.every(test)
const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0
const isSha256 = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
