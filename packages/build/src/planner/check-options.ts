import { errors } from '../errors'
import { printable } from '../printable'
import type { Inspection } from '../tasks/task'
import type { Job } from './job'

/**
 * What can only be told of options once the model is known.
 * @throws OnnxError ONNX_OPTION_UNKNOWN, ONNX_OPTION_INVALID
 */
export function checkOptions({ options, model }: Job, { inputs, classes }: Inspection): void {
  const { budget, preset, task } = options
  if (budget.top1 !== undefined && preset === undefined && task === undefined && classes.length === 0) {
    const cure = 'Ask for sqnr or cosine, or let a module score it: accuracy: { evaluate }.'
    throw errors.invalidOption(
      model.name,
      'accuracy.top1',
      'can not be measured: no output holds class scores',
      cure,
    )
  }
  const names = inputs.map(({ name }) => name)
  for (const [name, { dims }] of Object.entries(options.inputs)) {
    const input = inputs.find((each) => each.name === name)
    if (input === undefined) throw errors.unknownOption(model.name, 'input', name, names)
    if (dims === undefined || input.dims === undefined) continue
    const fits =
      dims.length === input.dims.length &&
      input.dims.every((dim, axis) => typeof dim !== 'number' || dim === dims[axis])
    if (fits) continue
    const shape = input.dims.map((dim) => (dim === null ? '?' : printable(String(dim)))).join(', ')
    throw errors.invalidOption(
      model.name,
      `inputs.${name}`,
      `is [${dims.join(', ')}], and the model wants [${shape}]`,
      'Give a shape that goes with the one of the model.',
    )
  }
}
