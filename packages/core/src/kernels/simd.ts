import { module } from './simd-module'

/**
 * The kernels of assembly/, addresses in bytes; what each does is said there.
 */
export interface Kernels {
  absMaxGroups(source: number, maxima: number, groups: number, inner: number): void
  absMaxColumns(source: number, maxima: number, rows: number, columns: number): void
  int8Groups(source: number, target: number, factors: number, groups: number, inner: number): void
  int8Columns(
    source: number,
    target: number,
    factors: number,
    singles: number,
    rows: number,
    columns: number,
  ): void
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
  ): void
  quantizeColumns(
    source: number,
    stride: number,
    target: number,
    scales: number,
    zeroPoints: number,
    columns: number,
    size: number,
    bits: number,
    mode: number,
  ): void
}

/**
 * The kernels and their memory, which is small and fixed: tensors go through it in chunks that stay in the processor's
 * cache, so that each byte of theirs is read once from main memory, and written once.
 */
export interface Simd extends Kernels {
  readonly memory: ArrayBuffer
}

/** Places in the memory, in bytes. Scales, factors, maxima: at most 12 bytes for each element of a chunk. */
export const PARAMETERS = 0x10000
export const SOURCE = 0x40000
export const TARGET = 0x70000
/** Elements of a chunk. */
export const CHUNK = 16384

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
    const exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Kernels & {
      readonly memory: { readonly buffer: ArrayBuffer }
    }
    return { ...exports, memory: exports.memory.buffer }
  } catch {
    return undefined
  }
}
