import type { Graph } from '../graph/graph'
import type { Model } from '../graph/model'
import type { Node } from '../graph/node'
import { readModel } from '../graph/read'
import { Tensor } from '../graph/tensor'
import type { Value } from '../graph/value'
import { encodeModel } from '../graph/write'

/** A copy of a model with more outputs. */
export interface TappedModel {
  readonly bytes: Uint8Array
  /** Name of the output that gives each value, in their order. */
  readonly outputs: readonly string[]
}

/**
 * Writes a copy of the model in which the values are outputs of the main graph as well, so that an engine shows what they
 * hold. The model itself stays as it is.
 *
 * Out of a branch of If a value is led by another output of the If; the other branch gives an empty tensor there. Out of
 * the body of Loop and Scan it comes as a scan output, all rounds stacked along a new first axis.
 */
export function tapModel(model: Model, values: readonly Value[]): TappedModel {
  const copy = readModel(encodeModel(model))
  const graphs = [...model.graphs()]
  const copies = [...copy.graphs()]
  const outputs = values.map((value) => {
    const graph = copies[graphs.indexOf(value.graph)]
    const found = graph?.find(value.name)
    if (graph === undefined || found === undefined)
      throw new Error(`The value ${value.name} is not in the model`)
    return lead(graph, found)
  })
  return { bytes: encodeModel(copy), outputs }
}

/** Leads a value out to the main graph, and gives its name there. */
function lead(graph: Graph, value: Value): string {
  // Float32 everywhere: both branches of an If have to give one type. An Identity would do for the main graph, but not
  // every type can be read from JavaScript.
  const cast = graph.addNode({
    opType: 'Cast',
    inputs: [value],
    outputs: [graph.uniqueName('tap')],
    attributes: { to: { type: 'int', value: 1 } },
  })
  let [tap] = cast.outputs
  let inside = graph
  for (let owner = graph.owner; owner !== undefined && tap !== undefined; owner = inside.owner) {
    inside.addOutput(tap, { kind: 'tensor', dataType: 'float32' })
    for (const other of owner.subgraphs()) if (other !== inside) giveEmpty(other)
    const scans = owner.ints('scan_output_axes')
    if (scans !== undefined) owner.setAttribute('scan_output_axes', { type: 'ints', value: [...scans, 0] })
    const directions = owner.ints('scan_output_directions')
    if (directions !== undefined)
      owner.setAttribute('scan_output_directions', { type: 'ints', value: [...directions, 0] })
    tap = addNodeOutput(owner)
    inside = owner.graph
  }
  if (tap === undefined) throw new Error('A tap got lost')
  inside.addOutput(tap, { kind: 'tensor', dataType: 'float32' })
  return tap.name
}

function giveEmpty(graph: Graph): void {
  const empty = graph.addNode({
    opType: 'Constant',
    inputs: [],
    outputs: [graph.uniqueName('tap')],
    attributes: { value: { type: 'tensor', value: Tensor.of('float32', [0], []) } },
  })
  const [output] = empty.outputs
  if (output !== undefined) graph.addOutput(output, { kind: 'tensor', dataType: 'float32' })
}

function addNodeOutput(node: Node): Value {
  const output = node.graph._scope.create(node.graph.uniqueName('tap'))
  node._setOutputs([...node.outputs, output])
  node._touch()
  return output
}
