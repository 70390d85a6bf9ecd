import type { ValueSignature } from '@unplugin-onnx/runtime'
import { shapeText } from './calibration/signature'
import { errors } from './errors'
import { printable } from './printable'
import type { Inspection } from './tasks/task'

type Signature = Pick<Inspection, 'inputs' | 'outputs'>
type Named = Signature & { readonly name: string }

/** Inputs or outputs that a message lists. */
const listed = 6

/**
 * Holds a variant's signature against its source's, before either is run: engines would only say which name or length
 * they stumbled over first. Axes that one of them leaves open fit, and so do further outputs.
 * @throws OnnxError ONNX_SIGNATURES_DIFFER
 */
export function checkSignatures(source: Named, variant: Named): void {
  const different = [
    ...source.inputs.flatMap((each) => differs('input', each, variant.inputs, fitting)),
    ...missing('input', source.inputs, variant.inputs),
    ...source.outputs.flatMap((each) => differs('output', each, variant.outputs, sameType)),
  ]
  if (different.length === 0) return
  const both = [source, variant].map(
    ({ name, inputs, outputs }) => `${printable(name)} takes ${list(inputs)} and gives ${list(outputs)}`,
  )
  throw errors.signaturesDiffer(variant.name, source.name, different[0] ?? '', both.join('; '))
}

type Fits = (value: ValueSignature, other: ValueSignature) => boolean

const sameType: Fits = (value, other) => value.type === other.type

/** Shapes of outputs are what exporters wrote down, which engines only warn of; those of inputs are law. */
const fitting: Fits = (value, other) => {
  if (!sameType(value, other)) return false
  const { dims } = value
  if (dims === undefined || other.dims === undefined) return true
  return (
    dims.length === other.dims.length &&
    other.dims.every((dim, axis) => {
      const own = dims[axis]
      return typeof dim !== 'number' || typeof own !== 'number' || dim === own
    })
  )
}

function differs(
  what: string,
  value: ValueSignature,
  others: readonly ValueSignature[],
  fits: Fits,
): string[] {
  const other = others.find(({ name }) => name === value.name)
  if (other === undefined) return value.optional ? [] : [`it has no ${what} '${printable(value.name)}'`]
  return fits(value, other) ? [] : [`its ${what} '${printable(value.name)}' is another one`]
}

/** Inputs that only the variant has: nothing would be fed to them. */
const missing = (what: string, values: readonly ValueSignature[], others: readonly ValueSignature[]) =>
  others
    .filter(({ name, optional }) => !optional && !values.some((value) => value.name === name))
    .map(({ name }) => `it has one ${what} more, '${printable(name)}'`)

function list(values: readonly ValueSignature[]): string {
  const texts = values
    .slice(0, listed)
    .map(({ name, type, dims }) => `${printable(name)}: ${type}${dims === undefined ? '' : shapeText(dims)}`)
  const more = values.length - texts.length
  return texts.length === 0 ? 'nothing' : `${texts.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
