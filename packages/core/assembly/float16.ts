// Twin of src/kernels/float16-reference.ts; the arithmetic is explained there.

/** Exponent and rounding bias between the two formats, in float32 bits, and half a step less one. */
const REBIASED: i32 = 0xfff - 0x38000000
const SMALLEST_NORMAL: i32 = 0x38800000
/** 2^16, from where on everything is infinity like itself. */
const BEYOND: i32 = 0x47800000
const INFINITY_32: i32 = 0x7f800000
const HALF_BITS: i32 = 0x3f000000

/** Four float32 to float16 in the low halves of four int32; NaN come out as infinity. */
// @ts-expect-error: decorator
@inline
function halves(bits: v128, magnitude: v128): v128 {
  const bounded = i32x4.min_s(magnitude, i32x4.splat(BEYOND))
  const odd = v128.and(i32x4.shr_u(bounded, 13), i32x4.splat(1))
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(bounded, i32x4.splat(REBIASED)), odd), 13)
  const subnormal = i32x4.sub(f32x4.add(bounded, f32x4.splat(0.5)), i32x4.splat(HALF_BITS))
  const half = v128.bitselect(subnormal, normal, i32x4.lt_s(bounded, i32x4.splat(SMALLEST_NORMAL)))
  return v128.or(half, v128.and(i32x4.shr_u(bits, 16), i32x4.splat(0x8000)))
}

// @ts-expect-error: decorator
@inline
function quietNaN(bits: i32): i32 {
  return ((bits >>> 16) & 0x8000) | 0x7e00 | ((bits >>> 13) & 0x3ff)
}

/** The same where all are normal numbers, without signs. */
// @ts-expect-error: decorator
@inline
function normalHalves(magnitude: v128, rebiased: v128): v128 {
  const odd = i32x4.shr_u(i32x4.shl(magnitude, 18), 31)
  return i32x4.shr_u(i32x4.add(i32x4.add(magnitude, rebiased), odd), 13)
}

/** Loaded before a loop, constants stay in registers; written into it, each use builds them anew. */
const CONSTANTS = memory.data<i32>([REBIASED, SMALLEST_NORMAL, 0x477fefff, 0x7fffffff])

/** @param count a multiple of 8; what lies behind the end of the data may be anything */
export function toFloat16(source: usize, target: usize, count: i32): void {
  const end = source + ((<usize>count) << 2)
  const rebiased = v128.load_splat<i32>(CONSTANTS)
  const smallest = v128.load_splat<i32>(CONSTANTS, 4)
  const beyond = v128.load_splat<i32>(CONSTANTS, 8)
  const mask = v128.load_splat<i32>(CONSTANTS, 12)
  for (; source < end; source += 32) {
    const a = v128.load(source)
    const b = v128.load(source, 16)
    const x = v128.and(a, mask)
    const y = v128.and(b, mask)
    const low = i32x4.gt_s(smallest, i32x4.min_s(x, y))
    const high = i32x4.gt_s(i32x4.max_s(x, y), beyond)
    if (v128.any_true(v128.or(low, high))) uncommon(source, target)
    else {
      const signs = i16x8.shl(i16x8.narrow_i32x4_s(i32x4.shr_s(a, 31), i32x4.shr_s(b, 31)), 15)
      const both = i16x8.narrow_i32x4_u(normalHalves(x, rebiased), normalHalves(y, rebiased))
      v128.store(target, v128.or(signs, both))
    }
    target += 16
  }
}

/** Eight values of any kind. */
function uncommon(source: usize, target: usize): void {
  const a = v128.load(source)
  const b = v128.load(source, 16)
  const x = v128.and(a, i32x4.splat(0x7fffffff))
  const y = v128.and(b, i32x4.splat(0x7fffffff))
  v128.store(target, i16x8.narrow_i32x4_u(halves(a, x), halves(b, y)))
  if (v128.any_true(i32x4.gt_s(i32x4.max_s(x, y), i32x4.splat(INFINITY_32)))) {
    for (let index: usize = 0; index < 8; index++) {
      const bits = load<i32>(source + (index << 2))
      if ((bits & 0x7fffffff) > INFINITY_32) store<u16>(target + (index << 1), <u16>quietNaN(bits))
    }
  }
}

const WIDENING = memory.data<i32>([0x80000000, 0x7fff, 0x77800000, 0x0f7fffff, INFINITY_32])

/** @param count a multiple of 8 */
export function fromFloat16(source: usize, target: usize, count: i32): void {
  const end = source + ((<usize>count) << 1)
  const signBit = v128.load_splat<i32>(WIDENING)
  const rest = v128.load_splat<i32>(WIDENING, 4)
  const scale = v128.load_splat<i32>(WIDENING, 8)
  const finite = v128.load_splat<i32>(WIDENING, 12)
  const infinity = v128.load_splat<i32>(WIDENING, 16)
  for (; source < end; source += 8) {
    const half = v128.load_ext<i16>(source)
    const magnitude = i32x4.shl(v128.and(half, rest), 13)
    // Infinity and NaN get the rest of the exponent's bits; all others, subnormal ones too, are exact multiples.
    const special = i32x4.gt_s(magnitude, finite)
    const scaled = f32x4.mul(magnitude, scale)
    const wide = v128.or(v128.and(special, infinity), v128.bitselect(magnitude, scaled, special))
    v128.store(target, v128.or(v128.and(half, signBit), wide))
    target += 16
  }
}

const SMALLEST_KEPT: i32 = 0x33000001
const OVERFLOW: i32 = 0x477ff000

// @ts-expect-error: decorator
@inline
function sum(lanes: v128): i32 {
  return (
    i32x4.extract_lane(lanes, 0) +
    i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) +
    i32x4.extract_lane(lanes, 3)
  )
}

/**
 * Adds to the counts (int32) at `fit`: finite values that overflow, values that become zero, values that aren't finite;
 * and raises the fourth to the bits of the largest finite magnitude.
 * @param count a multiple of 4
 */
export function float16Fit(source: usize, fit: usize, count: i32): void {
  let overflows = i32x4.splat(0)
  let underflows = i32x4.splat(0)
  let nonFinite = i32x4.splat(0)
  let largest = i32x4.splat(0)
  const zero = i32x4.splat(0)
  const end = source + ((<usize>count) << 2)
  for (; source < end; source += 16) {
    const magnitude = v128.and(v128.load(source), i32x4.splat(0x7fffffff))
    const special = i32x4.gt_s(magnitude, i32x4.splat(INFINITY_32 - 1))
    // Masks are -1.
    nonFinite = i32x4.sub(nonFinite, special)
    overflows = i32x4.sub(overflows, i32x4.gt_s(magnitude, i32x4.splat(OVERFLOW - 1)))
    const small = v128.and(i32x4.lt_s(magnitude, i32x4.splat(SMALLEST_KEPT)), i32x4.gt_s(magnitude, zero))
    underflows = i32x4.sub(underflows, small)
    largest = i32x4.max_s(largest, v128.andnot(magnitude, special))
  }
  const special = sum(nonFinite)
  store<i32>(fit, load<i32>(fit) + sum(overflows) - special)
  store<i32>(fit, load<i32>(fit, 4) + sum(underflows), 4)
  store<i32>(fit, load<i32>(fit, 8) + special, 8)
  const ab = max(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1))
  const cd = max(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3))
  store<i32>(fit, max(load<i32>(fit, 12), max(ab, cd)), 12)
}
