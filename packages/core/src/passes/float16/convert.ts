import type { Graph } from '../../graph/graph'
import type { Model } from '../../graph/model'
import type { Node } from '../../graph/node'
import { Tensor } from '../../graph/tensor'
import type { Value } from '../../graph/value'
import { toFloat16 } from '../../kernels/float16'
import type { Plan } from './plan'
import { halfTensor } from './storage'

const FLOAT32 = 1
const FLOAT16 = 10
/** Constants up to so many bytes are held in both types rather than cast. */
const SMALL = 256

/** Rewrites the model as planned. @returns how many constants became float16 */
export function convert(model: Model, plan: Plan): number {
  const graphs = [...model.graphs()]
  // Before anything moves: what is an output where.
  const slots = outputSlotsOf(graphs)
  const values = graphs
    .flatMap((graph) => [...graph.values()])
    .filter((value) => plan.types.get(value) === 'float32')
  for (const node of plan.nodes()) retype(node)
  let constants = 0
  for (const value of values) {
    if (value.initializer !== undefined && value.isConstant) {
      if (convertConstant(value, plan, slots.get(value) ?? [])) constants++
    } else castUses(value, plan, slots.get(value) ?? [])
  }
  return constants
}

interface Slot {
  readonly graph: Graph
  readonly index: number
}

function outputSlotsOf(graphs: readonly Graph[]): ReadonlyMap<Value, readonly Slot[]> {
  const slots = new Map<Value, Slot[]>()
  for (const graph of graphs) {
    for (const [index, value] of graph.outputs.entries())
      slots.set(value, [...(slots.get(value) ?? []), { graph, index }])
  }
  return slots
}

/** Attributes that say float32. */
function retype(node: Node): void {
  if (node.domain !== '') return
  if (node.opType === 'Cast') node.setAttribute('to', { type: 'int', value: FLOAT16 })
  if (node.opType !== 'ConstantOfShape') return
  const tensor = node.tensor('value') ?? Tensor.of('float32', [1], [0])
  node.setAttribute('value', { type: 'tensor', value: eagerHalf(tensor) })
}

/** Bounds beyond the largest float16 become that: they bound the same. */
function eagerHalf(tensor: Tensor): Tensor {
  const data = tensor.float32().map((value) => {
    return Number.isFinite(value) ? Math.max(-65504, Math.min(65504, value)) : value
  })
  return Tensor.fromBytes('float16', tensor.dims, new Uint8Array(toFloat16(data).buffer))
}

function convertConstant(value: Value, plan: Plan, slots: readonly Slot[]): boolean {
  const tensor = value.initializer
  if (tensor?.dataType !== 'float32') return false
  const uses = [...value.uses]
  const half = uses.filter((use) => plan.wanted(use) === 'float16')
  const full = uses.filter((use) => plan.wanted(use) === 'float32')
  const halfSlots = slots.filter(({ graph, index }) => plan.wantedOutput(graph, index) === 'float16')
  if (half.length + halfSlots.length === 0) return false
  const { graph } = value
  const alone = full.length === 0 && slots.length === halfSlots.length && !value.isInput
  if (alone) {
    value.initializer = tensor.byteLength <= SMALL ? eagerHalf(tensor) : halfTensor(tensor, plan.scratch)
    typed(value, 'float16')
  } else if (tensor.byteLength <= SMALL || value.isInput || value.isOutput) {
    const copy = graph.addInitializer(
      graph.uniqueName(`${value.name}_float16`),
      tensor.byteLength <= SMALL ? eagerHalf(tensor) : halfTensor(tensor, plan.scratch),
    )
    for (const { node, index } of half) node.setInput(index, copy)
    for (const slot of halfSlots) slot.graph.setOutput(slot.index, copy)
  } else {
    value.initializer = halfTensor(tensor, plan.scratch)
    const first = graph.nodes[0]
    const cast = addCast(graph, value, `${value.name}_float32`, FLOAT32, first && { before: first })
    for (const { node, index } of full) node.setInput(index, cast)
  }
  return true
}

/** Gives each reader of a value the type that it wants, by at most one Cast. */
function castUses(value: Value, plan: Plan, slots: readonly Slot[]): void {
  const { graph, producer } = value
  const isHalf = plan.isHalfValue(value)
  const [own, other] = isHalf ? (['float16', 'float32'] as const) : (['float32', 'float16'] as const)
  const uses = value.uses.filter((use) => plan.wanted(use) === other)
  const wrong = slots.filter((slot) => plan.wantedOutput(slot.graph, slot.index) === other)
  if (uses.length + wrong.length > 0) {
    const [first] = graph.nodes
    const position = producer === undefined ? first && { before: first } : { after: producer }
    const signature = wrong.find((slot) => slot.graph.owner === undefined)
    const { name } = value
    // Outputs of the model keep their names, so that what makes them takes another.
    if (signature !== undefined) value.name = graph.uniqueName(`${name}_float16`)
    const source = (!isHalf && storedHalf(producer)) || undefined
    const code = other === 'float16' ? FLOAT16 : FLOAT32
    const cast =
      source ?? addCast(graph, value, signature === undefined ? `${name}_${other}` : name, code, position)
    for (const { node, index } of uses) node.setInput(index, cast)
    for (const slot of wrong) {
      slot.graph.setOutput(slot.index, cast)
      if (slot.graph.owner !== undefined) typed(cast, other)
    }
  }
  if (isHalf) typed(value, own)
}

/** What a Cast to float32 reads, where that is float16 already: weights that are only stored so. */
function storedHalf(producer: Value['producer']): Value | undefined {
  if (producer?.opType !== 'Cast' || producer.domain !== '') return undefined
  const [input] = producer.inputs
  return input?.initializer?.dataType === 'float16' ? input : undefined
}

function addCast(
  graph: Graph,
  value: Value,
  name: string,
  to: number,
  position: Parameters<Graph['addNode']>[1],
): Value {
  const output = graph.find(name) === undefined ? name : graph.uniqueName(name)
  const node = graph.addNode(
    { opType: 'Cast', inputs: [value], outputs: [output], attributes: { to: { type: 'int', value: to } } },
    position,
  )
  return node.outputs[0] as Value
}

/** What is declared about a value must say the type that it has now. */
function typed(value: Value, dataType: 'float16' | 'float32'): void {
  if (value.initializer !== undefined && !value.isOutput) return
  const { type } = value
  if (type?.kind === 'tensor' && type.dataType !== dataType) value.type = { ...type, dataType }
}
