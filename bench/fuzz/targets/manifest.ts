import { posix, win32 } from 'node:path'
import { isManifest } from '../../../packages/build/src/cache-remote/manifest-shape'
import { diffModels } from '../../../packages/build/src/diff/diff'
import { diffMarkdown } from '../../../packages/build/src/diff/markdown'
import { formatSummary } from '../../../packages/build/src/summary'
import { typesFor } from '../../../packages/build/src/types'
import { filesOf } from '../../../packages/build/src/variant-files'
import type { Manifest } from '../../../packages/runtime/src/manifest'
import { modelsIn } from '../../../packages/unplugin/src/cli/diff/side'
import { Choices } from '../choices'
import { assert, attempt } from '../verdict'
import type { Target } from './target'

const sha256 = 'ab'.repeat(32)
const accuracy = { sqnr: 30, cosine: 0.99, maxError: 0.1, top1: 1 }

/** One as it should be, with everything that one can have. */
export const manifest = (name = 'x'): Manifest => ({
  version: 1,
  source: {
    file: `${name}.onnx`,
    bytes: 100,
    brotliBytes: 90,
    sha256,
    external: [{ location: name, bytes: 1, sha256 }],
  },
  inputs: [{ name, type: 'float32', dims: [1, name, null] }],
  outputs: [{ name, type: 'int64' }],
  variants: [
    {
      target: name,
      provider: 'webgpu',
      requires: ['shader-f16'],
      file: 'int8.onnxv',
      bytes: 50,
      brotliBytes: 40,
      sha256,
      recipe: name,
      accuracy,
      latency: { milliseconds: 1, ratio: 0.5 },
      task: { source: 0.9, variant: 0.8 },
      shards: [{ path: 'abcd.data', file: 'abcd.onnxv', bytes: 10, sha256 }],
    },
  ],
  candidates: [
    {
      target: name,
      recipe: name,
      bytes: 50,
      chosen: true,
      reason: name,
      accuracy,
      skipped: [{ node: name, reason: name }],
    },
  ],
  verifiedOn: { source: 'synthesized', samples: 4, notes: [name] },
  engines: { 'onnxruntime-web': '1.30.0' },
  warnings: [name],
  missed: [{ target: name, tried: name }],
})

/** A copy in which something is another: JSON, as it comes from a file. */
function spoilt(value: unknown, choices: Choices): unknown {
  if (choices.rarely()) return choices.value()
  if (Array.isArray(value)) return value.map((each) => spoilt(each, choices))
  if (typeof value !== 'object' || value === null) return choices.rarely() ? choices.name() : value
  const entries = Object.entries(value).map(([key, each]) => [key, spoilt(each, choices)])
  if (choices.rarely()) entries.splice(choices.below(entries.length + 1), 1)
  if (choices.rarely()) entries.push([choices.name(), choices.value()])
  return Object.fromEntries(entries)
}

function asJson(value: unknown): unknown {
  try {
    const text = JSON.stringify(value)
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a manifest says of files is held against their form before a path is made of it, and its names stay text. */
export const manifestTarget: Target = {
  fuzz(bytes) {
    const choices = new Choices(bytes)
    const found = asJson(spoilt(manifest(choices.name()), choices))
    if (isManifest(found)) {
      for (const { file } of filesOf(found)) {
        assert(posix.basename(file) === file && win32.basename(file) === file, 'a file name is a path')
        assert(!file.startsWith('.'), 'a file name is hidden')
      }
      // What is in a cache names no source: whoever asks for the conversion does.
      const named = { ...found, source: { ...found.source, file: choices.name() } }
      checkTypes(typesFor(named, 'unplugin-onnx/runtime'))
      const conversion = { manifest: named, dir: '', key: '', cached: true, dependencies: [], seconds: 1 }
      checkShown(formatSummary([conversion], { color: false }))
    }
    const models = attempt(() => modelsIn(found, 'manifest.json'))
    if (models === undefined) return
    const before = [{ name: 'x', manifest: manifest() }]
    checkMarkdown(diffMarkdown(diffModels(before, models)))
    checkMarkdown(diffMarkdown(diffModels(models, before)))
  },
  share: 6,
  seeds: [
    new Uint8Array(16),
    Uint8Array.from({ length: 256 }, (_, at) => (at * 37) % 256),
    Uint8Array.from({ length: 256 }, (_, at) => (at * 7) % 244),
  ],
}

function checkShown(text: string): void {
  const found = /[^\P{Cc}\n]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.exec(text)
  assert(found === null, `what is shown holds U+${found?.[0].codePointAt(0)?.toString(16)}`)
}

/** Outside of code, which is between as many backticks on both sides, there is no element. */
function checkMarkdown(text: string): void {
  checkShown(text)
  assert(!/<\/?[a-z]/i.test(text.replace(/(`+)(?!`).*?[^`]\1(?!`)/g, '')), 'Markdown holds an element')
}

/** One statement or comment a line, whatever the names are. */
function checkTypes(text: string): void {
  const known =
    /^(?:\/\/ .*|import type \{ OnnxAsset, TypedTensor \} from '[^'\n]*'|\/\*\* .* \*\/|export type (?:Inputs|Outputs) = \{(?:\})?|\}|declare const asset: OnnxAsset<Inputs, Outputs>|export default asset|)$/
  const member = /^ {2}readonly '(?:[^'\\\n]|\\.)*'\??: TypedTensor<'\w+'>$/
  const comment = /^ {2}\/\*\* (?:(?!\*\/).)* \*\/$/
  for (const line of text.split(/[\n\r\u2028\u2029]/))
    assert(
      known.test(line) || member.test(line) || comment.test(line),
      `the types hold ${JSON.stringify(line)}`,
    )
}
