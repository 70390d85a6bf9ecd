import type { ValueSignature } from '@unplugin-onnx/runtime'

/** What an input probably means; decides what is synthesized for it. */
export type InputKind =
  | 'sample rate'
  | 'mask'
  | 'zeros'
  | 'state'
  | 'positions'
  | 'length'
  | 'ids'
  | 'audio'
  | 'image'
  | 'values'

/**
 * Guesses from name, type and shape, as exporters of common models write them.
 * @param withRate whether the model has a sample rate among its inputs, which makes its values sound
 */
export function kindOf(input: ValueSignature, withRate: boolean): InputKind {
  const { type, dims } = input
  // inputIds, input-ids and input_ids are one name.
  const name = input.name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
  const rank = dims?.length
  const whole = /^u?int/.test(type)
  if (/(^|[^a-z])(sr|sample_?rate|sampling_?rate)$/.test(name)) return 'sample rate'
  if (/pad(ding)?_?mask/.test(name)) return 'zeros'
  if (/mask/.test(name)) return 'mask'
  if (type === 'bool' || /token_?type|segment/.test(name)) return 'zeros'
  if (whole && /position/.test(name)) return 'positions'
  if (whole && /len(gth)?s?$/.test(name)) return 'length'
  if (!whole && isState(name)) return 'state'
  if (rank === 4 && isImage(dims ?? [])) return 'image'
  const named = /audio|wav|pcm|speech|sound|signal/.test(name)
  if (whole) return named && type === 'int16' ? 'audio' : 'ids'
  if (withRate || named) return 'audio'
  return 'values'
}

const isState = (name: string): boolean =>
  !/hidden_states/.test(name) &&
  /^(h|c)(_?\d+|_?n|_?in|_?prev)?$|state|(^|_)hidden|(^|_)cell|cache|past_key|rnn/.test(name)

const isImage = (dims: readonly (number | string | null)[]): boolean =>
  [dims[1], dims[3]].some((channels) => channels === 1 || channels === 3 || channels === 4)
