// Twin of src/kernels/blocks-reference.ts: the same operations on float32 in the same order.

/** How scales come about. */
const SYMMETRIC = 0
const ASYMMETRIC = 1

const ALMOST_HALF: f32 = 0.49999997
const SMALLEST_NORMAL: f32 = 1.1754943508222875e-38

// @ts-expect-error: decorator
@inline
function middle(bits: i32): f32 {
  return <f32>(1 << (bits - 1))
}

// @ts-expect-error: decorator
@inline
function toInteger(value: f32, largest: i32): i32 {
  const cut = <i32>(value + ALMOST_HALF)
  return max(0, min(largest, cut))
}

/** Writes scale and zero point of a block for its range. */
// @ts-expect-error: decorator
@inline
function choose(low: f32, high: f32, mode: i32, bits: i32, scale: usize, zeroPoint: usize): void {
  const symmetric = mode == SYMMETRIC
  const largest = (1 << bits) - 1
  const exact: f32 = symmetric ? -(high > -low ? high : low) / middle(bits) : (high - low) / (<f32>largest)
  const kept: f32 = abs(exact) >= SMALLEST_NORMAL ? exact : 0
  store<f32>(scale, kept)
  if (symmetric) store<u8>(zeroPoint, <u8>(<i32>1 << (bits - 1)))
  else store<u8>(zeroPoint, <u8>(kept == 0 ? 0 : toInteger(<f32>0 - low / kept, largest)))
}

// @ts-expect-error: decorator
@inline
function factorOf(scale: f32): f32 {
  return scale == 0 ? 0 : <f32>1 / scale
}

// @ts-expect-error: decorator
@inline
function smallestLane(values: v128): f32 {
  const pairs = f32x4.pmin(values, i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  const a = f32x4.extract_lane(pairs, 0)
  const b = f32x4.extract_lane(pairs, 1)
  return b < a ? b : a
}

// @ts-expect-error: decorator
@inline
function largestLane(values: v128): f32 {
  const pairs = f32x4.pmax(values, i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  const a = f32x4.extract_lane(pairs, 0)
  const b = f32x4.extract_lane(pairs, 1)
  return b > a ? b : a
}

// @ts-expect-error: decorator
@inline
function integers(source: usize, factor: v128, shift: v128): v128 {
  const value = f32x4.add(f32x4.mul(v128.load(source), factor), shift)
  return i32x4.trunc_sat_f32x4_s(f32x4.add(value, f32x4.splat(ALMOST_HALF)))
}

/** 16 values to bytes from 0 to 255. */
// @ts-expect-error: decorator
@inline
function sixteen(source: usize, factor: v128, shift: v128): v128 {
  const first = i16x8.narrow_i32x4_s(integers(source, factor, shift), integers(source + 16, factor, shift))
  const last = i16x8.narrow_i32x4_s(integers(source + 32, factor, shift), integers(source + 48, factor, shift))
  return i8x16.narrow_i16x8_u(first, last)
}

/**
 * Blocks that lie one after the other.
 * @param mode SYMMETRIC, ASYMMETRIC, or anything else for scales and zero points that are there
 * @param scales float32, one a block
 * @param zeroPoints uint8, one a block
 * @param size of a block, a multiple of 16
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
): void {
  for (let block = 0; block < blocks; block++) {
    const end = source + ((<usize>size) << 2)
    if (mode == SYMMETRIC || mode == ASYMMETRIC) {
      let a = f32x4.splat(0)
      let b = f32x4.splat(0)
      let c = f32x4.splat(0)
      let d = f32x4.splat(0)
      for (let at = source; at < end; at += 32) {
        const x = v128.load(at)
        const y = v128.load(at, 16)
        a = f32x4.pmin(a, x)
        b = f32x4.pmax(b, x)
        c = f32x4.pmin(c, y)
        d = f32x4.pmax(d, y)
      }
      choose(smallestLane(f32x4.pmin(a, c)), largestLane(f32x4.pmax(b, d)), mode, bits, scales, zeroPoints)
    }
    const factor = f32x4.splat(factorOf(load<f32>(scales)))
    const shift = f32x4.splat(<f32>load<u8>(zeroPoints))
    if (bits == 8) {
      for (; source < end; source += 64) {
        v128.store(target, sixteen(source, factor, shift))
        target += 16
      }
    } else if (bits == 4) {
      for (; source < end; source += 64) {
        const bytes = i8x16.min_u(sixteen(source, factor, shift), i8x16.splat(15))
        const pairs = v128.and(v128.or(bytes, i16x8.shr_u(bytes, 4)), i16x8.splat(0xff))
        v128.store64_lane(target, i8x16.narrow_i16x8_u(pairs, pairs), 0)
        target += 8
      }
    } else {
      for (; source < end; source += 64) {
        const bytes = i8x16.min_u(sixteen(source, factor, shift), i8x16.splat(3))
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
}

/**
 * One block in each of `columns` columns, a multiple of 4, from `size` rows that lie `stride` bytes apart. The packed
 * bytes of a column are neighbours.
 */
export function quantizeColumns(
  source: usize,
  stride: usize,
  target: usize,
  scales: usize,
  zeroPoints: usize,
  columns: i32,
  size: i32,
  bits: i32,
  mode: i32,
): void {
  const width: usize = ((<usize>size) * bits) >> 3
  const each = 32 / bits
  const largest = i32x4.splat((1 << bits) - 1)
  for (let column = 0; column < columns; column += 4) {
    if (mode == SYMMETRIC || mode == ASYMMETRIC) {
      let low = f32x4.splat(0)
      let high = f32x4.splat(0)
      let at = source
      for (let row = 0; row < size; row++) {
        const values = v128.load(at)
        low = f32x4.pmin(low, values)
        high = f32x4.pmax(high, values)
        at += stride
      }
      choose(f32x4.extract_lane(low, 0), f32x4.extract_lane(high, 0), mode, bits, scales, zeroPoints)
      choose(f32x4.extract_lane(low, 1), f32x4.extract_lane(high, 1), mode, bits, scales + 4, zeroPoints + 1)
      choose(f32x4.extract_lane(low, 2), f32x4.extract_lane(high, 2), mode, bits, scales + 8, zeroPoints + 2)
      choose(f32x4.extract_lane(low, 3), f32x4.extract_lane(high, 3), mode, bits, scales + 12, zeroPoints + 3)
    }
    const scale = v128.load(scales)
    const zero = f32x4.splat(0)
    const factor = v128.andnot(f32x4.div(f32x4.splat(1), scale), f32x4.eq(scale, zero))
    const shift = f32x4.convert_i32x4_u(
      i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(zeroPoints))),
    )
    let at = source
    for (let word: usize = 0; word < width; word += 4) {
      let packed = i32x4.splat(0)
      for (let index = 0; index < each; index++) {
        const whole = integers(at, factor, shift)
        const clamped = i32x4.min_s(largest, i32x4.max_s(zero, whole))
        packed = v128.or(packed, i32x4.shl(clamped, index * bits))
        at += stride
      }
      v128.store32_lane(target + word, packed, 0)
      v128.store32_lane(target + word + width, packed, 1)
      v128.store32_lane(target + word + 2 * width, packed, 2)
      v128.store32_lane(target + word + 3 * width, packed, 3)
    }
    source += 16
    target += 4 * width
    scales += 16
    zeroPoints += 4
  }
}
