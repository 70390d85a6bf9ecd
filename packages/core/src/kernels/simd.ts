import { module } from './simd-module'

/**
 * The kernels of assembly/, addresses in bytes; what each does is said there.
 */
export interface Kernels {
  absMaxGroups(source: number, maxima: number, groups: number, inner: number): void
  absMaxColumns(source: number, maxima: number, rows: number, columns: number): void
  int8Groups(
    source: number,
    target: number,
    factors: number,
    groups: number,
    inner: number,
    within: number,
  ): void
  int8ShortGroups(
    source: number,
    target: number,
    factors: number,
    singles: number,
    groups: number,
    inner: number,
  ): void
  int8Columns(
    source: number,
    target: number,
    factors: number,
    singles: number,
    rows: number,
    columns: number,
    within: number,
  ): void
  int8Fitted(
    source: number,
    target: number,
    scales: number,
    lanes: number,
    groups: number,
    inner: number,
  ): number
  addUpErrors(first: number, second: number, sums: number, count: number): void
  squares(source: number, sums: number, count: number): void
  toFloat16(source: number, target: number, count: number): void
  fromFloat16(source: number, target: number, count: number): void
  float16Fit(source: number, fit: number, count: number): void
  quantizeBlocks(
    source: number,
    target: number,
    scales: number,
    zeroPoints: number,
    blocks: number,
    size: number,
    bits: number,
    mode: number,
  ): number
  quantizeColumns(
    source: number,
    stride: number,
    height: number,
    tile: number,
    target: number,
    pitch: number,
    scales: number,
    apart: number,
    zeroPoints: number,
    columns: number,
    size: number,
    bits: number,
    mode: number,
  ): number
}

/**
 * The kernels and their memory, which is small unless `roomFor` was asked for more: tensors go through it in chunks that
 * stay in the processor's cache, so that each byte of theirs is read once from main memory, and written once.
 */
export interface Simd extends Kernels {
  /** Another one, and the one before is empty, once it has grown. */
  readonly memory: ArrayBuffer
  grow(pages: number): void
}

/** Places in the memory, in bytes. Scales, factors, maxima: at most 12 bytes for each element of a chunk. */
export const PARAMETERS = 0x10000
export const SOURCE = 0x40000
export const TARGET = 0x70000
/** Elements of a chunk. */
export const CHUNK = 16384
/** Where tensors lie that are read straight into the memory. */
const ROOM = 0xa0000
/** Of such a tensor and what it becomes, in bytes. */
const MOST = 0x7000000
const PAGE = 65536

interface Wasm {
  validate(bytes: Uint8Array): boolean
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { readonly exports: unknown }
}
declare const WebAssembly: Wasm | undefined
declare const atob: (text: string) => string

let instance: Simd | false | undefined

/** One instance a thread; undefined where there is no WebAssembly SIMD, or a policy forbids WebAssembly. */
export function simd(): Simd | undefined {
  instance ??= instantiate() ?? false
  return instance === false ? undefined : instance
}

function instantiate(): Simd | undefined {
  try {
    if (typeof WebAssembly === 'undefined') return undefined
    const bytes = Uint8Array.from(atob(module), (character) => character.charCodeAt(0))
    if (!WebAssembly.validate(bytes)) return undefined
    const { memory, ...kernels } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
      .exports as Kernels & {
      readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
    }
    return {
      ...kernels,
      get memory() {
        return memory.buffer
      },
      grow: (pages) => void memory.grow(pages),
    }
  } catch {
    return undefined
  }
}

/**
 * Memory for a tensor's data where the kernels can get at it, so that they don't copy it first; behind it lies half as
 * much for what they make of it. Good until the next call: whatever was in it before is gone.
 * @returns undefined where it would be too much
 */
export function roomFor(byteLength: number): Uint8Array | undefined {
  const fast = simd()
  const end = ROOM + Math.ceil(byteLength * 1.5) + PAGE
  if (fast === undefined || end > MOST) return undefined
  const missing = Math.ceil((end - fast.memory.byteLength) / PAGE)
  try {
    if (missing > 0) fast.grow(missing)
  } catch {
    return undefined
  }
  return new Uint8Array(fast.memory, ROOM, byteLength)
}

/** Gives where a part of the data lies in the memory, and brings it there, to SOURCE, unless it is. */
export function sourceOf({ memory }: Simd, data: Float32Array): (start: number, count: number) => number {
  if (data.buffer === memory) return (start) => data.byteOffset + 4 * start
  const source = new Float32Array(memory, SOURCE, CHUNK)
  return (start, count) => {
    source.set(data.subarray(start, start + count))
    return SOURCE
  }
}
