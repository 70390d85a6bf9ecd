// Twin of src/kernels/blocks-reference.ts: the same operations on float32 in the same order.

/** How scales come about. */
const SYMMETRIC = 0
const ASYMMETRIC = 1

const ALMOST_HALF: f32 = 0.49999997
const SMALLEST_NORMAL: f32 = 1.1754943508222875e-38

/**
 * Scales of four blocks for their ranges. In vectors also where there is one block: which end of a range is farther from
 * zero no processor predicts, and scalars would branch on it.
 */
// @ts-expect-error: decorator
@inline
function scalesOf(low: v128, high: v128, mode: i32, bits: i32): v128 {
  const symmetric = mode == SYMMETRIC
  const farther = v128.bitselect(high, low, f32x4.gt(high, f32x4.neg(low)))
  const steps: i32 = symmetric ? 1 << (bits - 1) : (1 << bits) - 1
  const range = symmetric ? f32x4.neg(farther) : f32x4.sub(high, low)
  const exact = f32x4.div(range, f32x4.splat(<f32>steps))
  return v128.and(exact, f32x4.ge(f32x4.abs(exact), f32x4.splat(SMALLEST_NORMAL)))
}

/** Zero points of four blocks as int32. */
// @ts-expect-error: decorator
@inline
function zeroPointsOf(low: v128, scale: v128, mode: i32, bits: i32): v128 {
  const zero = i32x4.splat(0)
  if (mode == SYMMETRIC) return i32x4.splat(1 << (bits - 1))
  const exact = f32x4.sub(zero, f32x4.div(low, scale))
  const cut = i32x4.trunc_sat_f32x4_s(f32x4.add(exact, f32x4.splat(ALMOST_HALF)))
  const bounded = i32x4.min_s(i32x4.splat((1 << bits) - 1), i32x4.max_s(zero, cut))
  return v128.andnot(bounded, f32x4.eq(scale, zero))
}

/** 1 / scale, and 0 for 0. */
// @ts-expect-error: decorator
@inline
function factorsOf(scale: v128): v128 {
  return v128.andnot(f32x4.div(f32x4.splat(1), scale), f32x4.eq(scale, f32x4.splat(0)))
}

// @ts-expect-error: decorator
@inline
function smallestLane(values: v128): v128 {
  const pairs = f32x4.pmin(values, i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  return f32x4.pmin(pairs, i8x16.shuffle(pairs, pairs, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11))
}

// @ts-expect-error: decorator
@inline
function largestLane(values: v128): v128 {
  const pairs = f32x4.pmax(values, i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  return f32x4.pmax(pairs, i8x16.shuffle(pairs, pairs, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11))
}

// @ts-expect-error: decorator
@inline
function integers(source: usize, factor: v128, shift: v128, half: v128): v128 {
  const value = f32x4.add(f32x4.mul(v128.load(source), factor), shift)
  return i32x4.trunc_sat_f32x4_s(f32x4.add(value, half))
}

/** Loaded before a loop, constants stay in registers; written into it, each use builds them anew. */
const CONSTANTS = memory.data<i32>([0x3effffff, 0x0f0f0f0f, 0x00ff00ff])

/** 16 values to bytes from 0 to 255. */
// @ts-expect-error: decorator
@inline
function sixteen(source: usize, factor: v128, shift: v128, half: v128): v128 {
  const first = i16x8.narrow_i32x4_s(integers(source, factor, shift, half), integers(source + 16, factor, shift, half))
  const last = i16x8.narrow_i32x4_s(integers(source + 32, factor, shift, half), integers(source + 48, factor, shift, half))
  return i8x16.narrow_i16x8_u(first, last)
}

// @ts-expect-error: decorator
@inline
function sumOfLanes(values: v128): f32 {
  return (
    f32x4.extract_lane(values, 0) +
    f32x4.extract_lane(values, 1) +
    f32x4.extract_lane(values, 2) +
    f32x4.extract_lane(values, 3)
  )
}

/** @returns the sum of all values */
function chooseForBlocks(
  source: usize,
  scales: usize,
  zeroPoints: usize,
  blocks: i32,
  size: i32,
  bits: i32,
  mode: i32,
): f32 {
  let sum = f32x4.splat(0)
  for (let block = 0; block < blocks; block++) {
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    const end = source + ((<usize>size) << 2)
    for (; source < end; source += 32) {
      const x = v128.load(source)
      const y = v128.load(source, 16)
      a = f32x4.pmin(a, x)
      b = f32x4.pmax(b, x)
      c = f32x4.pmin(c, y)
      d = f32x4.pmax(d, y)
      sum = f32x4.add(sum, f32x4.add(x, y))
    }
    const low = smallestLane(f32x4.pmin(a, c))
    const scale = scalesOf(low, largestLane(f32x4.pmax(b, d)), mode, bits)
    v128.store32_lane(scales, scale, 0)
    v128.store8_lane(zeroPoints, zeroPointsOf(low, scale, mode, bits), 0)
    scales += 4
    zeroPoints += 1
  }
  return sumOfLanes(sum)
}

/**
 * Blocks that lie one after the other: first all ranges, then all integers, so that no block waits for its divisions.
 * @param mode SYMMETRIC, ASYMMETRIC, or anything else for scales and zero points that are there
 * @param scales float32, one a block
 * @param zeroPoints uint8, one a block
 * @param size of a block, a multiple of 16
 * @returns the sum of all values, finite only where they are; 0 for scales that are there
 */
export function quantizeBlocks(
  source: usize,
  target: usize,
  scales: usize,
  zeroPoints: usize,
  blocks: i32,
  size: i32,
  bits: i32,
  mode: i32,
): f32 {
  let sum: f32 = 0
  if (mode == SYMMETRIC) sum = chooseForBlocks(source, scales, zeroPoints, blocks, size, bits, SYMMETRIC)
  else if (mode == ASYMMETRIC) sum = chooseForBlocks(source, scales, zeroPoints, blocks, size, bits, ASYMMETRIC)
  const half = f32x4.splat(load<f32>(CONSTANTS))
  const fifteen = v128.load_splat<i32>(CONSTANTS, 4)
  const lowBytes = v128.load_splat<i32>(CONSTANTS, 8)
  for (let block = 0; block < blocks; block++) {
    const end = source + ((<usize>size) << 2)
    const factor = factorsOf(v128.load_splat<f32>(scales))
    const shift = f32x4.splat(<f32>load<u8>(zeroPoints))
    if (bits == 8) {
      for (; source < end; source += 64) {
        v128.store(target, sixteen(source, factor, shift, half))
        target += 16
      }
    } else if (bits == 4) {
      for (; source < end; source += 64) {
        const bytes = i8x16.min_u(sixteen(source, factor, shift, half), fifteen)
        const pairs = v128.and(v128.or(bytes, i16x8.shr_u(bytes, 4)), lowBytes)
        v128.store64_lane(target, i8x16.narrow_i16x8_u(pairs, pairs), 0)
        target += 8
      }
    } else {
      for (; source < end; source += 64) {
        const bytes = i8x16.min_u(sixteen(source, factor, shift, half), i8x16.splat(3))
        const pairs = v128.or(bytes, i16x8.shr_u(bytes, 6))
        const fours = v128.and(v128.or(pairs, i32x4.shr_u(pairs, 12)), i32x4.splat(0xff))
        const words = i16x8.narrow_i32x4_u(fours, fours)
        v128.store32_lane(target, i8x16.narrow_i16x8_u(words, words), 0)
        target += 4
      }
    }
    scales += 4
    zeroPoints += 1
  }
  return sum
}

/** Four rows of four columns to nibbles: bytes 0 to 3 hold rows 0 and 1, bytes 8 to 11 rows 2 and 3. */
// @ts-expect-error: decorator
@inline
function nibbles(at: usize, stride: usize, factor: v128, shift: v128, half: v128, fifteen: v128): v128 {
  const first = i16x8.narrow_i32x4_s(
    integers(at, factor, shift, half),
    integers(at + stride, factor, shift, half),
  )
  const last = i16x8.narrow_i32x4_s(
    integers(at + 2 * stride, factor, shift, half),
    integers(at + 3 * stride, factor, shift, half),
  )
  const bytes = i8x16.min_u(i8x16.narrow_i16x8_u(first, last), fifteen)
  return v128.or(bytes, i64x2.shr_u(bytes, 28))
}

/** Eight rows of four columns to four bytes of each column. */
// @ts-expect-error: decorator
@inline
function eight(at: usize, stride: usize, factor: v128, shift: v128, half: v128, fifteen: v128): v128 {
  const first = nibbles(at, stride, factor, shift, half, fifteen)
  const last = nibbles(at + 4 * stride, stride, factor, shift, half, fifteen)
  return i8x16.shuffle(first, last, 0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27)
}

/** Four rows of four columns to four bytes of each column. */
// @ts-expect-error: decorator
@inline
function bytes(at: usize, factor: v128, shift: v128, half: v128): v128 {
  const first = i16x8.narrow_i32x4_s(
    integers(at, factor, shift, half),
    integers(at + 64, factor, shift, half),
  )
  const last = i16x8.narrow_i32x4_s(
    integers(at + 128, factor, shift, half),
    integers(at + 192, factor, shift, half),
  )
  const rows = i8x16.narrow_i16x8_u(first, last)
  return i8x16.shuffle(rows, rows, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
}

/** Four times four bytes of each of four columns to 16 bytes of each. */
// @ts-expect-error: decorator
@inline
function storeColumns(to: usize, pitch: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
  const cd = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
  const ba = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
  const dc = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
  v128.store(to, i8x16.shuffle(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
  v128.store(to + pitch, i8x16.shuffle(ab, cd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
  v128.store(to + 2 * pitch, i8x16.shuffle(ba, dc, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23))
  v128.store(to + 3 * pitch, i8x16.shuffle(ba, dc, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
}

/**
 * Four columns of a block to `size * bits / 8` bytes each, `pitch` bytes apart.
 * @param tile the first row's values; rows are 64 bytes apart
 */
function packFour(
  tile: usize,
  target: usize,
  pitch: usize,
  factor: v128,
  shift: v128,
  size: i32,
  bits: i32,
): void {
  const width: usize = ((<usize>size) * bits) >> 3
  const each = 32 / bits
  const largest = i32x4.splat((1 << bits) - 1)
  const half = f32x4.splat(load<f32>(CONSTANTS))
  const fifteen = v128.load_splat<i32>(CONSTANTS, 4)
  let word: usize = 0
  if (bits == 4) {
    // 32 rows to 16 bytes of each of four columns.
    for (; word + 16 <= width; word += 16) {
      const a = eight(tile, 64, factor, shift, half, fifteen)
      const b = eight(tile + 512, 64, factor, shift, half, fifteen)
      const c = eight(tile + 1024, 64, factor, shift, half, fifteen)
      const d = eight(tile + 1536, 64, factor, shift, half, fifteen)
      tile += 2048
      storeColumns(target + word, pitch, a, b, c, d)
    }
  } else if (bits == 8) {
    // 16 rows.
    for (; word < width; word += 16) {
      const a = bytes(tile, factor, shift, half)
      const b = bytes(tile + 256, factor, shift, half)
      const c = bytes(tile + 512, factor, shift, half)
      const d = bytes(tile + 768, factor, shift, half)
      tile += 1024
      storeColumns(target + word, pitch, a, b, c, d)
    }
  }
  for (; word < width; word += 4) {
    let packed = i32x4.splat(0)
    for (let index = 0; index < each; index++) {
      const whole = integers(tile, factor, shift, half)
      const clamped = i32x4.min_s(largest, i32x4.max_s(i32x4.splat(0), whole))
      packed = v128.or(packed, i32x4.shl(clamped, index * bits))
      tile += 64
    }
    const to = target + word
    v128.store32_lane(to, packed, 0)
    v128.store32_lane(to + pitch, packed, 1)
    v128.store32_lane(to + 2 * pitch, packed, 2)
    v128.store32_lane(to + 3 * pitch, packed, 3)
  }
}

/** Scales and zero points of four columns, chosen from their ranges or as they are there, and the columns packed. */
function fourColumns(
  low: v128,
  high: v128,
  tile: usize,
  target: usize,
  pitch: usize,
  scales: usize,
  apart: usize,
  zeroPoints: usize,
  size: i32,
  bits: i32,
  mode: i32,
): void {
  let scale = f32x4.splat(0)
  if (mode == SYMMETRIC || mode == ASYMMETRIC) {
    scale = scalesOf(low, high, mode, bits)
    const words = zeroPointsOf(low, scale, mode, bits)
    const pairs = i16x8.narrow_i32x4_u(words, words)
    v128.store32_lane(scales, scale, 0)
    v128.store32_lane(scales + apart, scale, 1)
    v128.store32_lane(scales + 2 * apart, scale, 2)
    v128.store32_lane(scales + 3 * apart, scale, 3)
    v128.store32_lane(zeroPoints, i8x16.narrow_i16x8_u(pairs, pairs), 0)
  } else {
    scale = v128.load32_lane(scales, scale, 0)
    scale = v128.load32_lane(scales + apart, scale, 1)
    scale = v128.load32_lane(scales + 2 * apart, scale, 2)
    scale = v128.load32_lane(scales + 3 * apart, scale, 3)
  }
  const factor = factorsOf(scale)
  const shift = f32x4.convert_i32x4_u(
    i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(zeroPoints))),
  )
  packFour(tile, target, pitch, factor, shift, size, bits)
}

/**
 * One block in each of `columns` columns, which are done by 16: what is read and written beyond the last one means
 * nothing.
 * @param stride bytes from one row of the source to the next
 * @param height rows that there are; as many as are missing to `size` are zeros
 * @param tile memory for 64 bytes a row: rows that lie a power of two apart would push each other out of the cache
 * @param pitch bytes from the packed ones of one column to those of the next
 * @param apart bytes from one column's scale to the next one's
 * @returns the sum of all values that were read, finite only where they are
 */
export function quantizeColumns(
  source: usize,
  stride: usize,
  height: i32,
  tile: usize,
  target: usize,
  pitch: usize,
  scales: usize,
  apart: usize,
  zeroPoints: usize,
  columns: i32,
  size: i32,
  bits: i32,
  mode: i32,
): f32 {
  const zero = f32x4.splat(0)
  let sum = zero
  const end = tile + ((<usize>size) << 6)
  for (let column = 0; column < columns; column += 16) {
    let lowA = zero
    let lowB = zero
    let lowC = zero
    let lowD = zero
    let highA = zero
    let highB = zero
    let highC = zero
    let highD = zero
    let at = source
    let to = tile
    for (let row = 0; row < height; row++) {
      const a = v128.load(at)
      const b = v128.load(at, 16)
      const c = v128.load(at, 32)
      const d = v128.load(at, 48)
      v128.store(to, a)
      v128.store(to, b, 16)
      v128.store(to, c, 32)
      v128.store(to, d, 48)
      lowA = f32x4.pmin(lowA, a)
      lowB = f32x4.pmin(lowB, b)
      lowC = f32x4.pmin(lowC, c)
      lowD = f32x4.pmin(lowD, d)
      highA = f32x4.pmax(highA, a)
      highB = f32x4.pmax(highB, b)
      highC = f32x4.pmax(highC, c)
      highD = f32x4.pmax(highD, d)
      sum = f32x4.add(sum, f32x4.add(f32x4.add(a, b), f32x4.add(c, d)))
      at += stride
      to += 64
    }
    for (; to < end; to += 16) v128.store(to, zero)
    fourColumns(lowA, highA, tile, target, pitch, scales, apart, zeroPoints, size, bits, mode)
    target += 4 * pitch
    fourColumns(lowB, highB, tile + 16, target, pitch, scales + 4 * apart, apart, zeroPoints + 4, size, bits, mode)
    target += 4 * pitch
    fourColumns(lowC, highC, tile + 32, target, pitch, scales + 8 * apart, apart, zeroPoints + 8, size, bits, mode)
    target += 4 * pitch
    fourColumns(lowD, highD, tile + 48, target, pitch, scales + 12 * apart, apart, zeroPoints + 12, size, bits, mode)
    target += 4 * pitch
    source += 64
    scales += 16 * apart
    zeroPoints += 16
  }
  return sumOfLanes(sum)
}
