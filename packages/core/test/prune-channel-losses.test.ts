/** What channels cost when the layer that reads them is refitted, against least squares over those that stay. */
import { expect, it } from 'vitest'
import { cholesky, solveCholesky } from '../src/kernels/cholesky'
import { Gram } from '../src/kernels/gram'
import { lossScores } from '../src/passes/prune/channel-losses'
import { channelSpaces } from '../src/passes/prune/channel-spaces'
import { add, build, floats, tensorType } from './build-model'
import { weights } from './random'

const channels = 6
const outputs = 3
const makes = weights(4 * channels, 1)
const reads = weights(channels * outputs, 2)

/** Inputs of the reader: the last two channels are the same but for a little noise, and large. */
function observed(): Gram {
  const rows = weights(500 * channels, 3, 1)
  for (let at = 0; at < rows.length; at += channels) {
    rows[at + 4] = 5 * rows[at + 4]!
    rows[at + 5] = rows[at + 4]! + 0.01 * rows[at + 5]!
  }
  const gram = new Gram(channels)
  gram.add(rows, 500)
  return gram
}

function scores(gram: Gram): Float32Array {
  const model = build(17, { x: tensorType('float32', 16, 4) }, (graph, input) => {
    const h = add(graph, 'MatMul', [input('x'), graph.addInitializer('a', floats([4, channels], makes))], 'h')
    graph.addOutput(
      add(graph, 'MatMul', [h, graph.addInitializer('b', floats([channels, outputs], reads))], 'y'),
    )
  })
  const [space] = channelSpaces(model.graph)
  const weight = model.graph.find('b')!
  return lossScores(space!, [{ node: weight.uses[0]!.node, weight, gram }])!
}

/** Squared error, as a share of the outputs' power, of the best reader of some channels. */
function leastLoss({ matrix }: Gram, kept: readonly number[]): number {
  const size = kept.length
  const normal = Float64Array.from({ length: size * size }, (_, at) => {
    return matrix[kept[Math.floor(at / size)]! * channels + kept[at % size]!]!
  })
  const right = new Float64Array(outputs * size)
  let power = 0
  for (let output = 0; output < outputs; output++) {
    for (let k = 0; k < channels; k++) {
      const w = reads[k * outputs + output]!
      for (const [i, place] of kept.entries()) right[output * size + i]! += w * matrix[k * channels + place]!
      for (let l = 0; l < channels; l++) power += w * matrix[k * channels + l]! * reads[l * outputs + output]!
    }
  }
  const solution = right.slice()
  solveCholesky(cholesky(normal, size)!, size, solution, outputs)
  const explained = solution.reduce((sum, weight, at) => sum + weight * right[at]!, 0)
  return (power - explained) / power
}

it('gives the channel that goes first what least squares over the others leaves', () => {
  // Channels that nothing stands in for: damping is a small part of their moments.
  const gram = new Gram(channels)
  gram.add(weights(500 * channels, 3, 1), 500)
  const found = scores(gram)
  const without = (channel: number) =>
    leastLoss(
      gram,
      [0, 1, 2, 3, 4, 5].filter((one) => one !== channel),
    )
  const first = found.indexOf(Math.min(...found))
  expect(found[first]! / without(first)).toBeGreaterThan(0.9)
  expect(found[first]! / without(first)).toBeLessThan(1.1)
  for (let channel = 0; channel < channels; channel++)
    expect(without(channel)).toBeGreaterThan(without(first) * 0.98)
})

it('lets one of two channels that are alike go first, however large they are, and the other one last', () => {
  const found = scores(observed())
  const [low, high] = [Math.min(found[4]!, found[5]!), Math.max(found[4]!, found[5]!)]
  expect(low).toBe(Math.min(...found))
  expect(low).toBeLessThan(0.01)
  expect(high).toBe(Math.max(...found))
})
