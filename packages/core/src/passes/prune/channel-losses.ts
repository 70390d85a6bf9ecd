import { cholesky, inverseFromCholesky } from '../../kernels/cholesky'
import { dampingFor } from '../damping'
import { linearLayer, weightRows } from '../linear-layers'
import type { Reader } from './channel-refit'
import type { Space } from './channel-spaces'
import { offsetOf } from './offset'

/** Multiplications that choosing may take in one space; beyond them channels are compared by power alone. */
const MOST = 2e10

interface State {
  readonly n: number
  /** Features of a channel. */
  readonly run: number
  /** Inverse of the damped second moments of the features that are left, [n, n]. */
  readonly inverse: Float64Array
  /** [outputs, n], refitted to the features that are left. */
  readonly rows: Float64Array
  /** Power of the outputs, which errors are shares of. */
  readonly power: number
}

/**
 * What each channel costs when the layers that read it are refitted to the others: channels go one after the other, always
 * the one whose loss is the least share of the power of its readers' outputs, tr(W_c [H^-1]_cc^-1 W_c^T). A channel that
 * others can stand in for costs little, however large it is. Optimal brain surgery for whole structures: Kurtic et al.
 * 2023, "ZipLM: Inference-Aware Structured Pruning of Language Models", section 3.
 * @returns undefined where a reader can't be refitted, or it would take too long
 */
export function lossScores(space: Space, readers: readonly Reader[]): Float32Array | undefined {
  const states: State[] = []
  for (const reader of readers) {
    const state = stateOf(reader, space)
    if (state === undefined) return undefined
    states.push(state)
  }
  const work = states.reduce((sum, { n, run, rows }) => sum + space.size * run * (n * n + 2 * rows.length), 0)
  if (work > MOST) return undefined
  const scores = new Float32Array(space.size)
  const left = new Set(scores.keys())
  let most = 0
  while (left.size > 0) {
    let least = Number.POSITIVE_INFINITY
    let next = -1
    for (const channel of left) {
      let loss = 0
      for (const state of states) loss += lossOf(state, channel) / state.power
      if (loss < least) {
        least = loss
        next = channel
      }
    }
    if (next < 0) return undefined
    // A channel that can only go after another is worth no less than it.
    most = Math.max(most, least)
    scores[next] = most
    left.delete(next)
    for (const state of states) takeOut(state, next)
  }
  return scores
}

function stateOf({ node, gram }: Reader, { size }: Space): State | undefined {
  // As it is now: its own channels may have been cut since it was observed.
  const layer = linearLayer(node)
  if (layer === undefined || layer.features !== gram.features || layer.kind === 'ConvTranspose')
    return undefined
  const { features: n } = layer
  const isCentered = offsetOf(node, layer.outputs) !== undefined
  const means = gram.sum.map((sum) => (isCentered ? sum / gram.count : 0))
  const moments = new Float64Array(n * n)
  let mean = 0
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j < n; j++, at++)
      moments[at] = (gram.matrix[at] ?? 0) / gram.count - (means[i] ?? 0) * (means[j] ?? 0)
    mean += (moments[i * n + i] ?? 0) / n
  }
  const rows = Float64Array.from(weightRows(layer))
  let power = 0
  for (let at = 0; at < rows.length; at += n)
    for (let i = 0; i < n; i++) {
      let sum = 0
      for (let j = 0; j < n; j++) sum += (moments[i * n + j] ?? 0) * (rows[at + j] ?? 0)
      power += sum * (rows[at + i] ?? 0)
    }
  const damping = dampingFor(gram) * (mean || 1)
  for (let i = 0; i < n; i++) moments[i * n + i] = (moments[i * n + i] ?? 0) + damping
  const lower = cholesky(moments, n)
  if (lower === undefined || !(power > 0)) return undefined
  return { n, run: n / size, inverse: inverseFromCholesky(lower, n), rows, power }
}

/** Inverse of the channel's part of the inverse. */
function partOf({ n, run, inverse }: State, channel: number): Float64Array | undefined {
  const part = new Float64Array(run * run)
  for (let a = 0; a < run; a++)
    for (let b = 0; b < run; b++)
      part[a * run + b] = inverse[(channel * run + a) * n + channel * run + b] ?? 0
  const lower = cholesky(part, run)
  return lower && inverseFromCholesky(lower, run)
}

function lossOf(state: State, channel: number): number {
  const part = partOf(state, channel)
  if (part === undefined) return Number.POSITIVE_INFINITY
  const { n, run, rows } = state
  let loss = 0
  for (let at = channel * run; at < rows.length; at += n) {
    for (let a = 0; a < run; a++) {
      let sum = 0
      for (let b = 0; b < run; b++) sum += (part[a * run + b] ?? 0) * (rows[at + b] ?? 0)
      loss += sum * (rows[at + a] ?? 0)
    }
  }
  return loss
}

function takeOut(state: State, channel: number): void {
  const part = partOf(state, channel)
  if (part === undefined) return
  const { n, run, rows, inverse } = state
  const first = channel * run
  // B [H^-1]_c, [run, n]
  const pull = new Float64Array(run * n)
  for (let a = 0; a < run; a++)
    for (let b = 0; b < run; b++) {
      const weight = part[a * run + b] ?? 0
      for (let j = 0; j < n; j++)
        pull[a * n + j] = (pull[a * n + j] ?? 0) + weight * (inverse[(first + b) * n + j] ?? 0)
    }
  subtract(rows, n, first, run, pull)
  subtract(inverse, n, first, run, pull)
}

/** M -= M_c pull, for each row of M. */
function subtract(matrix: Float64Array, n: number, first: number, run: number, pull: Float64Array): void {
  const own = new Float64Array(run)
  for (let at = 0; at < matrix.length; at += n) {
    for (let a = 0; a < run; a++) own[a] = matrix[at + first + a] ?? 0
    for (let a = 0; a < run; a++) {
      const factor = own[a] ?? 0
      if (factor === 0) continue
      for (let j = 0; j < n; j++) matrix[at + j] = (matrix[at + j] ?? 0) - factor * (pull[a * n + j] ?? 0)
    }
  }
}
