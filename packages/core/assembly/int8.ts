// Twin of src/kernels/int8-reference.ts: the same operations on the same types in the same order, so that both give the
// same bits. Addresses are bytes; loads and stores needn't be aligned.

const MAGNITUDE: i32 = 0x7fffffff

/** Adding this to a double leaves the integer, rounded half to even, in its low 32 bits. */
const ROUND: f64 = 6755399441055744

/** Loaded before a loop, constants stay in registers; written into it, each use builds them anew. */
const CONSTANTS = memory.data<f64>([127, -127, ROUND])

// @ts-expect-error: decorator
@inline
function magnitudes(address: usize): v128 {
  return v128.and(v128.load(address), i32x4.splat(MAGNITUDE))
}

// @ts-expect-error: decorator
@inline
function largestLane(values: v128): i32 {
  const pairs = i32x4.max_s(values, i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7))
  const one = i32x4.max_s(pairs, i8x16.shuffle(pairs, pairs, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3))
  return i32x4.extract_lane(one, 0)
}

function absMaxBits(source: usize, count: i32): i32 {
  let max = 0
  const end = source + ((<usize>count) << 2)
  if (count >= 4) {
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    let at = source
    for (; at + 64 <= end; at += 64) {
      a = i32x4.max_s(a, magnitudes(at))
      b = i32x4.max_s(b, magnitudes(at + 16))
      c = i32x4.max_s(c, magnitudes(at + 32))
      d = i32x4.max_s(d, magnitudes(at + 48))
    }
    for (; at + 16 <= end; at += 16) a = i32x4.max_s(a, magnitudes(at))
    // The last four, some of them for the second time.
    b = i32x4.max_s(b, magnitudes(end - 16))
    return largestLane(i32x4.max_s(i32x4.max_s(a, b), i32x4.max_s(c, d)))
  }
  for (let at = source; at < end; at += 4) {
    const magnitude = load<i32>(at) & MAGNITUDE
    if (magnitude > max) max = magnitude
  }
  return max
}

/** Four maxima of a group's magnitudes, some of which are looked at twice. */
// @ts-expect-error: decorator
@inline
function fourMaxima(source: usize, last: usize): v128 {
  let max = magnitudes(source + last)
  for (let at: usize = 0; at < last; at += 16) max = i32x4.max_s(max, magnitudes(source + at))
  return max
}

/** Groups from which on lanes are compared within a group; of shorter ones, four groups at once. */
const LONG = 64

/** Bits of the largest magnitudes of four groups of `inner` neighbours, 4 or more. */
// @ts-expect-error: decorator
@inline
function maximaOfFour(source: usize, bytes: usize): v128 {
  const last = bytes - 16
  return largestOfEach(
    fourMaxima(source, last),
    fourMaxima(source + bytes, last),
    fourMaxima(source + 2 * bytes, last),
    fourMaxima(source + 3 * bytes, last),
  )
}

/** The same of 9: no loop, which would take longer than its content. */
// @ts-expect-error: decorator
@inline
function maximaOfNines(source: usize): v128 {
  return largestOfEach(nineMaxima(source), nineMaxima(source + 36), nineMaxima(source + 72), nineMaxima(source + 108))
}

// @ts-expect-error: decorator
@inline
function nineMaxima(source: usize): v128 {
  return i32x4.max_s(i32x4.max_s(magnitudes(source), magnitudes(source + 16)), magnitudes(source + 20))
}

/** The largest lane of each of four vectors. */
// @ts-expect-error: decorator
@inline
function largestOfEach(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.max_s(
    i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23),
    i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31),
  )
  const cd = i32x4.max_s(
    i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23),
    i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31),
  )
  return i32x4.max_s(
    i8x16.shuffle(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
    i8x16.shuffle(ab, cd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31),
  )
}

/** maxima[group] = max(maxima[group], bits of the largest magnitude of `inner` neighbours), for each group in turn. */
export function absMaxGroups(source: usize, maxima: usize, groups: i32, inner: i32): void {
  let group = 0
  if (inner >= 4 && inner < LONG) {
    const bytes = (<usize>inner) << 2
    for (; group + 4 <= groups; group += 4) {
      const max = inner == 9 ? maximaOfNines(source) : maximaOfFour(source, bytes)
      const at = maxima + ((<usize>group) << 2)
      v128.store(at, i32x4.max_s(v128.load(at), max))
      source += 4 * bytes
    }
  }
  for (; group < groups; group++) {
    const at = maxima + ((<usize>group) << 2)
    const max = absMaxBits(source, inner)
    if (max > load<i32>(at)) store<i32>(at, max)
    source += (<usize>inner) << 2
  }
}

/** maxima[column] = max(maxima[column], bits of the magnitude), for each column of each row. */
export function absMaxColumns(source: usize, maxima: usize, rows: i32, columns: i32): void {
  const bytes = (<usize>columns) << 2
  let column: usize = 0
  for (; column + 64 <= bytes; column += 64) {
    let a = v128.load(maxima + column)
    let b = v128.load(maxima + column, 16)
    let c = v128.load(maxima + column, 32)
    let d = v128.load(maxima + column, 48)
    let at = source + column
    for (let row = 0; row < rows; row++) {
      a = i32x4.max_s(a, magnitudes(at))
      b = i32x4.max_s(b, magnitudes(at + 16))
      c = i32x4.max_s(c, magnitudes(at + 32))
      d = i32x4.max_s(d, magnitudes(at + 48))
      at += bytes
    }
    v128.store(maxima + column, a)
    v128.store(maxima + column, b, 16)
    v128.store(maxima + column, c, 32)
    v128.store(maxima + column, d, 48)
  }
  for (; column < bytes; column += 4) {
    let max = load<i32>(maxima + column)
    let at = source + column
    for (let row = 0; row < rows; row++) {
      const magnitude = load<i32>(at) & MAGNITUDE
      if (magnitude > max) max = magnitude
      at += bytes
    }
    store<i32>(maxima + column, max)
  }
}

// @ts-expect-error: decorator
@inline
function rounded(values: v128, factor: v128, most: v128, least: v128, round: v128): v128 {
  // The first argument of pmin comes out where nothing compares: NaN becomes 127.
  const high = f64x2.pmin(most, f64x2.mul(values, factor))
  return f64x2.add(f64x2.pmax(least, high), round)
}

/** Four floats to four int32 from -127 to 127; factors for the first and the last two. */
// @ts-expect-error: decorator
@inline
function integers(values: v128, low: v128, high: v128, most: v128, least: v128, round: v128): v128 {
  const first = rounded(f64x2.promote_low_f32x4(values), low, most, least, round)
  const last = rounded(
    f64x2.promote_low_f32x4(i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)),
    high,
    most,
    least,
    round,
  )
  return i8x16.shuffle(first, last, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
}

// @ts-expect-error: decorator
@inline
function four(source: usize, target: usize, factor: v128, most: v128, least: v128, round: v128): void {
  const words = i16x8.narrow_i32x4_s(integers(v128.load(source), factor, factor, most, least, round), i32x4.splat(0))
  v128.store32_lane(target, i8x16.narrow_i16x8_s(words, words), 0)
}

// @ts-expect-error: decorator
@inline
function one(source: usize, target: usize, factor: f64): void {
  const value = (<f64>load<f32>(source)) * factor
  const high: f64 = value < 127 ? value : 127
  const clamped: f64 = high > -127 ? high : -127
  store<i8>(target, <i8>(<i32>reinterpret<i64>(clamped + ROUND)))
}

/**
 * For the quick way in float32: where values saturate; and what brings them, and the half that rounds them, to 256 to 512,
 * where a float32 has 15 bits behind the point and its bits are a fixed-point number. What is computed is less than one of
 * these last bits off, so that it rounds as the exact value does unless it comes to lie next to an integer: one bit more is
 * added, and what lies 0 or 1 bits above an integer is done again.
 */
const QUICK = memory.data<f32>([127.25, -127.25, 384.500030517578125])
/** The bits behind the point, what the others of 384 are, and how many bits above an integer are enough. */
const QUICK_BITS = memory.data<i32>([0x7fff, 0x87808780, 2])

/** Factors that float32 holds with all its bits. */
const LEAST_FACTOR: f64 = 7.52316384526264e-37
const MOST_FACTOR: f64 = 8.507059173023462e+37

// @ts-expect-error: decorator
@inline
function scaled(source: usize, factor: v128): v128 {
  return f32x4.mul(v128.load(source), factor)
}

// @ts-expect-error: decorator
@inline
function clamped(value: v128): v128 {
  // The first argument of pmin comes out where nothing compares: NaN becomes 127.
  return f32x4.pmax(v128.load_splat<f32>(QUICK, 4), f32x4.pmin(v128.load_splat<f32>(QUICK), value))
}

/** Values as fixed-point numbers, half a step up. */
// @ts-expect-error: decorator
@inline
function fixed(value: v128): v128 {
  return f32x4.add(value, v128.load_splat<f32>(QUICK, 8))
}

/** Eight of them to integers. */
// @ts-expect-error: decorator
@inline
function whole(a: v128, b: v128): v128 {
  return i16x8.sub(
    i16x8.narrow_i32x4_u(i32x4.shr_s(a, 15), i32x4.shr_s(b, 15)),
    v128.load_splat<i32>(QUICK_BITS, 4),
  )
}

/** What is behind the point of one of two fixed-point numbers in each lane: of that one which has less. */
// @ts-expect-error: decorator
@inline
function lesser(a: v128, b: v128): v128 {
  const mask = v128.load_splat<i32>(QUICK_BITS)
  return i32x4.min_u(v128.and(a, mask), v128.and(b, mask))
}

/** Whether one of these is so little that the value may belong to the integer below. */
// @ts-expect-error: decorator
@inline
function isNear(least: v128): bool {
  return v128.any_true(i32x4.lt_u(least, v128.load_splat<i32>(QUICK_BITS, 8)))
}

/**
 * Four vectors of scaled values to sixteen integers.
 * @returns the least that is behind the point, for isNear
 */
// @ts-expect-error: decorator
@inline
function storeSixteen(target: usize, a: v128, b: v128, c: v128, d: v128): v128 {
  const w = fixed(a)
  const x = fixed(b)
  const y = fixed(c)
  const z = fixed(d)
  v128.store(target, i8x16.narrow_i16x8_s(whole(w, x), whole(y, z)))
  return i32x4.min_u(lesser(w, x), lesser(y, z))
}

/** Sixteen values, any of which may saturate. */
// @ts-expect-error: decorator
@inline
function quick(source: usize, target: usize, first: v128, second: v128, third: v128, fourth: v128): v128 {
  return storeSixteen(
    target,
    clamped(scaled(source, first)),
    clamped(scaled(source + 16, second)),
    clamped(scaled(source + 32, third)),
    clamped(scaled(source + 48, fourth)),
  )
}

/** Sixteen values with one factor, exactly. */
function exactly(source: usize, target: usize, scalar: f64): void {
  const most = f64x2.splat(127)
  const least = f64x2.splat(-127)
  const round = f64x2.splat(ROUND)
  const factor = f64x2.splat(scalar)
  for (let index: usize = 0; index < 16; index += 4)
    four(source + (index << 2), target + index, factor, most, least, round)
}

/** Sixteen values with a factor each, exactly. */
function sixteen(source: usize, target: usize, factors: usize): void {
  for (let index: usize = 0; index < 16; index++)
    one(source + (index << 2), target + index, load<f64>(factors + (index << 3)))
}

/**
 * Groups of `inner` neighbours with one factor (float64) each.
 * @param within 1 where factors are the values' own, so that all are finite and none saturates; else 0
 */
export function int8Groups(
  source: usize,
  target: usize,
  factors: usize,
  groups: i32,
  inner: i32,
  within: i32,
): void {
  const most = v128.load_splat<f64>(CONSTANTS)
  const least = v128.load_splat<f64>(CONSTANTS, 8)
  const round = v128.load_splat<f64>(CONSTANTS, 16)
  for (let group = 0; group < groups; group++) {
    const scalar = load<f64>(factors + ((<usize>group) << 3))
    const factor = f64x2.splat(scalar)
    const end = source + ((<usize>inner) << 2)
    const next = target + inner
    const single = f32x4.splat(<f32>scalar)
    const fits = scalar >= LEAST_FACTOR && scalar <= MOST_FACTOR
    if (fits && within) {
      for (; source + 64 <= end; source += 64) {
        if (isNear(fitSixteen(source, target, single, single, single, single))) exactly(source, target, scalar)
        target += 16
      }
    }
    for (; source + 64 <= end; source += 64) {
      if (!fits || isNear(quick(source, target, single, single, single, single))) exactly(source, target, scalar)
      target += 16
    }
    for (; source + 16 <= end; source += 16) {
      four(source, target, factor, most, least, round)
      target += 4
    }
    // What is left of four comes out the same when it is done together with those before it.
    if (source < end) {
      if (inner >= 4) four(end - 16, next - 4, factor, most, least, round)
      else for (; source < end; source += 4) one(source, target++, scalar)
    }
    source = end
    target = next
  }
}

/**
 * Short groups, whose ends aren't where vectors end: the same as int8Groups makes of them.
 * @param singles memory for a float32 for each value and three more; factors are such that float32 holds them
 */
export function int8ShortGroups(
  source: usize,
  target: usize,
  factors: usize,
  singles: usize,
  groups: i32,
  inner: i32,
): void {
  const bytes = (<usize>inner) << 2
  let to = singles
  for (let group = 0; group < groups; group++) {
    const factor = f32x4.splat(<f32>load<f64>(factors + ((<usize>group) << 3)))
    for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, factor)
    to += bytes
  }
  const count: usize = groups * inner
  let index: usize = 0
  for (; index + 16 <= count; index += 16) {
    const at = singles + (index << 2)
    const least = quick(
      source + (index << 2),
      target + index,
      v128.load(at),
      v128.load(at, 16),
      v128.load(at, 32),
      v128.load(at, 48),
    )
    if (isNear(least)) {
      for (let each = index; each < index + 16; each++)
        one(source + (each << 2), target + each, load<f64>(factors + ((each / <usize>inner) << 3)))
    }
  }
  for (; index < count; index++)
    one(source + (index << 2), target + index, load<f64>(factors + ((index / <usize>inner) << 3)))
}

/** The divisor of a scale, the least scale that isn't taken for 0, and 1. */
const SCALING = memory.data<f32>([127, 1.1754943508222875e-38, 1])

/** Factors of a vector's lanes. */
// @ts-expect-error: decorator
@inline
function spread(factor: v128, lanes: usize): v128 {
  return i8x16.swizzle(factor, v128.load(lanes))
}

/** The same of 1, 2 or 3 neighbours. */
function maximaOfFew(source: usize, inner: i32): v128 {
  const a = magnitudes(source)
  if (inner == 1) return a
  const b = magnitudes(source + 16)
  if (inner == 2)
    return i32x4.max_s(
      i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
      i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31),
    )
  const c = magnitudes(source + 32)
  // The first, second and third of each: 0 3 6 9, 1 4 7 10 and 2 5 8 11 of twelve.
  const first = i8x16.shuffle(a, b, 0, 1, 2, 3, 12, 13, 14, 15, 24, 25, 26, 27, 24, 25, 26, 27)
  const second = i8x16.shuffle(a, b, 4, 5, 6, 7, 16, 17, 18, 19, 28, 29, 30, 31, 28, 29, 30, 31)
  const third = i8x16.shuffle(a, b, 8, 9, 10, 11, 20, 21, 22, 23, 20, 21, 22, 23, 20, 21, 22, 23)
  return i32x4.max_s(
    i32x4.max_s(
      i8x16.shuffle(first, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23),
      i8x16.shuffle(second, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 24, 25, 26, 27),
    ),
    i8x16.shuffle(third, c, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 28, 29, 30, 31),
  )
}

/** One group with its own scale, exactly. @returns bits of its largest magnitude */
function fitOne(source: usize, target: usize, scale: usize, inner: i32): i32 {
  const max = absMaxBits(source, inner)
  const exact = reinterpret<f32>(max) / 127
  const kept: f32 = exact < load<f32>(SCALING, 4) ? 1 : exact
  store<f32>(scale, kept)
  const factor = 1 / <f64>kept
  for (let index = 0; index < inner; index++)
    one(source + ((<usize>index) << 2), target + index, factor)
  return max
}

/** The same of groups that follow each other. */
function fitEach(source: usize, target: usize, scales: usize, groups: usize, inner: usize): void {
  for (let group: usize = 0; group < groups; group++)
    fitOne(source + 4 * inner * group, target + inner * group, scales + 4 * group, <i32>inner)
}

/**
 * Groups of `inner` neighbours, each with the scale that it needs, max / 127, or 1 where that is subnormal: what
 * absMaxGroups and int8Groups make of them with such scales.
 * @param scales float32, one a group, written
 * @param lanes memory for 16 bytes for each of `inner`, and 16 at least
 * @returns bits of the largest magnitude of all: where it isn't finite, the rest means nothing
 */
export function int8Fitted(
  source: usize,
  target: usize,
  scales: usize,
  lanes: usize,
  groups: i32,
  inner: i32,
): i32 {
  return inner < LONG
    ? shortFitted(source, target, scales, lanes, groups, inner)
    : longFitted(source, target, scales, lanes, groups, inner)
}

function longFitted(
  source: usize,
  target: usize,
  scales: usize,
  factor: usize,
  groups: i32,
  inner: i32,
): i32 {
  let largest = 0
  for (let group = 0; group < groups; group++) {
    const max = absMaxBits(source, inner)
    if (max > largest) largest = max
    const exact = reinterpret<f32>(max) / 127
    const scale: f32 = exact < load<f32>(SCALING, 4) ? 1 : exact
    store<f32>(scales, scale)
    store<f64>(factor, 1 / <f64>scale)
    int8Groups(source, target, factor, 1, inner, 1)
    source += (<usize>inner) << 2
    target += inner
    scales += 4
  }
  return largest
}

/** Sixteen values none of which saturates. */
// @ts-expect-error: decorator
@inline
function fitSixteen(source: usize, target: usize, first: v128, second: v128, third: v128, fourth: v128): v128 {
  return storeSixteen(
    target,
    scaled(source, first),
    scaled(source + 16, second),
    scaled(source + 32, third),
    scaled(source + 48, fourth),
  )
}

/** The same of four. */
// @ts-expect-error: decorator
@inline
function fitFour(source: usize, target: usize, factor: v128): v128 {
  const value = fixed(scaled(source, factor))
  const words = whole(value, value)
  v128.store32_lane(target, i8x16.narrow_i16x8_s(words, words), 0)
  return v128.and(value, v128.load_splat<i32>(QUICK_BITS))
}

/** Four groups of 9, as the kernels of most depthwise layers are, with their factors. */
// @ts-expect-error: decorator
@inline
function fitNines(source: usize, to: usize, factor: v128): v128 {
  const a = i8x16.shuffle(factor, factor, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3)
  const ab = i8x16.shuffle(factor, factor, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7)
  const b = i8x16.shuffle(factor, factor, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7)
  const bc = i8x16.shuffle(factor, factor, 4, 5, 6, 7, 4, 5, 6, 7, 8, 9, 10, 11, 8, 9, 10, 11)
  const c = i8x16.shuffle(factor, factor, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11)
  const cd = i8x16.shuffle(factor, factor, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 12, 13, 14, 15)
  const d = i8x16.shuffle(factor, factor, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15)
  return i32x4.min_u(
    i32x4.min_u(fitSixteen(source, to, a, a, ab, b), fitSixteen(source + 64, to + 16, bc, c, cd, d)),
    fitFour(source + 128, to + 32, d),
  )
}

/** Scales of four groups by the bits of their largest magnitudes. */
// @ts-expect-error: decorator
@inline
function scalesOf(max: v128): v128 {
  const exact = f32x4.div(max, v128.load_splat<f32>(SCALING))
  return v128.bitselect(v128.load_splat<f32>(SCALING, 8), exact, f32x4.lt(exact, v128.load_splat<f32>(SCALING, 4)))
}

/** Four groups at once: they end where a vector does. */
function shortFitted(
  source: usize,
  target: usize,
  scales: usize,
  lanes: usize,
  groups: i32,
  inner: i32,
): i32 {
  // Which of four factors each lane of their vectors takes.
  for (let index = 0; index < 4 * inner; index++)
    store<i32>(lanes + ((<usize>index) << 2), 0x03020100 + (index / inner) * 0x04040404)
  const ones = v128.load_splat<f32>(SCALING, 8)
  const bytes = (<usize>inner) << 2
  const end = bytes << 2
  let largest = i32x4.splat(0)
  let group = 0
  if (inner == 9) {
    // Two times four, whose work doesn't wait for each other's.
    for (; group + 8 <= groups; group += 8) {
      const max = maximaOfNines(source)
      const next = maximaOfNines(source + 144)
      largest = i32x4.max_s(largest, i32x4.max_s(max, next))
      const scale = scalesOf(max)
      const following = scalesOf(next)
      v128.store(scales, scale)
      v128.store(scales, following, 16)
      const least = i32x4.min_u(
        fitNines(source, target, f32x4.div(ones, scale)),
        fitNines(source + 144, target + 36, f32x4.div(ones, following)),
      )
      if (isNear(least)) fitEach(source, target, scales, 8, inner)
      source += 288
      target += 72
      scales += 32
    }
  }
  for (; group + 4 <= groups; group += 4) {
    const max = inner >= 4 ? maximaOfFour(source, bytes) : maximaOfFew(source, inner)
    largest = i32x4.max_s(largest, max)
    const scale = scalesOf(max)
    v128.store(scales, scale)
    const factor = f32x4.div(ones, scale)
    let least = i32x4.splat(-1)
    let at: usize = 0
    let to = target
    for (; at + 64 <= end; at += 64) {
      const by = lanes + at
      least = i32x4.min_u(
        least,
        fitSixteen(
          source + at,
          to,
          spread(factor, by),
          spread(factor, by + 16),
          spread(factor, by + 32),
          spread(factor, by + 48),
        ),
      )
      to += 16
    }
    for (; at < end; at += 16) {
      least = i32x4.min_u(least, fitFour(source + at, to, spread(factor, lanes + at)))
      to += 4
    }
    if (isNear(least)) fitEach(source, target, scales, 4, inner)
    source += end
    target += bytes
    scales += 16
  }
  let rest = largestLane(largest)
  for (; group < groups; group++) {
    const max = fitOne(source, target, scales, inner)
    if (max > rest) rest = max
    source += bytes
    target += inner
    scales += 4
  }
  return rest
}

/**
 * Rows of columns with a factor for each column.
 * @param factors float64
 * @param singles the same in float32; 0 where float32 doesn't hold them, so that all are done exactly
 * @param within as of int8Groups
 */
export function int8Columns(
  source: usize,
  target: usize,
  factors: usize,
  singles: usize,
  rows: i32,
  columns: i32,
  within: i32,
): void {
  for (let row = 0; row < rows; row++) {
    let column: usize = 0
    if (singles && within) {
      for (; column + 16 <= <usize>columns; column += 16) {
        const at = singles + (column << 2)
        if (isNear(fitSixteen(source, target, v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48))))
          sixteen(source, target, factors + (column << 3))
        source += 64
        target += 16
      }
    }
    for (; column + 16 <= <usize>columns; column += 16) {
      const at = singles + (column << 2)
      if (
        singles == 0 ||
        isNear(quick(source, target, v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48)))
      )
        sixteen(source, target, factors + (column << 3))
      source += 64
      target += 16
    }
    for (; column < <usize>columns; column++) {
      one(source, target, load<f64>(factors + (column << 3)))
      source += 4
      target += 1
    }
  }
}

/**
 * Adds the squares of the values to four sums (float64) that lie at `sums`, every fourth value to the same one.
 * @param count a multiple of 4
 */
export function squares(source: usize, sums: usize, count: i32): void {
  let low = v128.load(sums)
  let high = v128.load(sums, 16)
  const end = source + ((<usize>count) << 2)
  for (; source < end; source += 16) {
    const values = v128.load(source)
    const first = f64x2.promote_low_f32x4(values)
    const last = f64x2.promote_low_f32x4(
      i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15),
    )
    low = f64x2.add(low, f64x2.mul(first, first))
    high = f64x2.add(high, f64x2.mul(last, last))
  }
  v128.store(sums, low)
  v128.store(sums, high, 16)
}
