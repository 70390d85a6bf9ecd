import type { ValueSignature } from '@unplugin-onnx/runtime'
import { printable } from '../printable'
import type { CalibrationData } from './data'
import { kindOf } from './input-kind'

interface Signature {
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
}

/**
 * What to write where a model with recurrent state fails on a sample: pieces that are too long and state that is not fed
 * back are what fails most, and engines say nothing of either.
 * @returns undefined where neither can be the reason
 */
export function recurrentCure(
  { kind, name, options }: CalibrationData,
  model: Signature,
): string | undefined {
  if (kind === 'images' || kind === 'module') return undefined
  const links = likelyLinks(model)
  const windowed = kind === 'wav' && options.window !== undefined
  const linked = 'state' in options && options.state !== undefined
  if (links.length === 0 || (linked && (kind !== 'wav' || windowed)))
    return windowCure(kind, windowed, linked)
  const state = links.map(([output, input]) => `${key(output)}: ${quoted(input)}`).join(', ')
  const source = `${kind === 'wav' ? 'wav' : 'file'}: ${quoted(name)}`
  const pieces = kind === 'wav' ? ', window: 512' : ''
  const what = kind === 'wav' ? ', window being the samples that it is fed at once' : ''
  return `The model has state: feed it back, step by step, with calibration: { ${source}${pieces}, state: { ${state} } }${what}. If that is not it, mend that sample, or leave it out.`
}

/** Told of a window and still failing, what is left is its length. */
const windowCure = (kind: CalibrationData['kind'], windowed: boolean, linked: boolean): string | undefined =>
  kind === 'wav' && windowed && linked
    ? 'See whether window is the number of samples that the model is fed at once. If it is, mend that sample, or leave it out.'
    : undefined

/** Outputs by the input that each is probably fed back to: named after it, or the only one of its type and rank. */
function likelyLinks({ inputs, outputs }: Signature): (readonly [output: string, input: string])[] {
  return inputs
    .filter((input) => kindOf(input, false) === 'state')
    .flatMap((input) => {
      const alike = outputs.filter(
        ({ type, dims }) => type === input.type && dims?.length === input.dims?.length,
      )
      const stem = stemOf(input.name)
      const named = alike.filter(({ name }) => stem !== '' && stemOf(name).startsWith(stem))
      const [output] = named.length > 0 ? named : alike.length === 1 ? alike : []
      return output === undefined ? [] : [[output.name, input.name] as const]
    })
}

/** `h0`, `h_in` and `hn` all begin with h. */
const stemOf = (name: string): string => name.toLowerCase().replace(/(_?(in|prev|n|out)|[\d_]+)$/, '')

const quoted = (text: string): string => `'${printable(text)}'`
const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name))
