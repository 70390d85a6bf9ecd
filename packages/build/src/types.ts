import { basename } from 'node:path/posix'
import type { Manifest, ValueSignature } from '@unplugin-onnx/runtime'
import { printable } from './printable'

/**
 * The text of `det.d.onnx.ts`: types of a model's inputs and outputs for `import det from './det.onnx'`.
 * Names come from the model, so they are only ever written as string literals and in comments that they can't end.
 * @param importName module that exports the types OnnxAsset and TypedTensor
 */
export function typesFor({ source, inputs, outputs }: Manifest, importName: string): string {
  return `// Written by unplugin-onnx from ${printable(basename(source.file))}; it is written again when the model changes.
import type { OnnxAsset, TypedTensor } from ${literal(importName)}

/** What the model is fed. */
export type Inputs = ${members(inputs)}

/** What the model gives. */
export type Outputs = ${members(outputs)}

declare const asset: OnnxAsset<Inputs, Outputs>
export default asset
`
}

function members(values: readonly ValueSignature[]): string {
  if (values.length === 0) return '{}'
  const lines = values.map(({ name, type, dims, optional }) => {
    const shape =
      dims === undefined ? 'any shape' : `[${dims.map((dim) => (dim === null ? '?' : dim)).join(', ')}]`
    const comment = `/** ${type} ${commented(shape)} */`
    return `  ${comment}\n  readonly ${literal(name)}${optional ? '?' : ''}: TypedTensor<${literal(type)}>\n`
  })
  return `{\n${lines.join('')}}`
}

/** A TypeScript string literal, whatever the text: quotes, line ends (U+2028 too) and control characters escaped. */
function literal(text: string): string {
  const escaped = JSON.stringify(text)
    .slice(1, -1)
    .replace(/\\"/g, '"')
    .replace(/'/g, "\\'")
    .replace(/[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
    })
  return `'${escaped}'`
}

const commented = (text: string): string => printable(text).replaceAll('*/', '*\\/')
