// Twin of src/kernels/error-measures-reference.ts: the same sums in float64, every fourth value to the same one.

// @ts-expect-error: decorator
@inline
function upper(values: v128): v128 {
  return f64x2.promote_low_f32x4(
    i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15),
  )
}

/**
 * Adds up what two tensors and their difference hold.
 * @param sums four float64 each for the squares of the first, those of the second, products, squares of differences, and
 * the largest difference; where a value isn't finite, neither are the squares of differences
 * @param count a multiple of 4
 */
export function addUpErrors(first: usize, second: usize, sums: usize, count: i32): void {
  let signalLow = v128.load(sums)
  let signalHigh = v128.load(sums, 16)
  let powerLow = v128.load(sums, 32)
  let powerHigh = v128.load(sums, 48)
  let dotLow = v128.load(sums, 64)
  let dotHigh = v128.load(sums, 80)
  let noiseLow = v128.load(sums, 96)
  let noiseHigh = v128.load(sums, 112)
  let mostLow = v128.load(sums, 128)
  let mostHigh = v128.load(sums, 144)
  const end = first + ((<usize>count) << 2)
  for (; first < end; first += 16) {
    const a = v128.load(first)
    const b = v128.load(second)
    const x = f64x2.promote_low_f32x4(a)
    const y = f64x2.promote_low_f32x4(b)
    const d = f64x2.sub(x, y)
    signalLow = f64x2.add(signalLow, f64x2.mul(x, x))
    powerLow = f64x2.add(powerLow, f64x2.mul(y, y))
    dotLow = f64x2.add(dotLow, f64x2.mul(x, y))
    noiseLow = f64x2.add(noiseLow, f64x2.mul(d, d))
    mostLow = f64x2.pmax(mostLow, f64x2.abs(d))
    const u = upper(a)
    const v = upper(b)
    const e = f64x2.sub(u, v)
    signalHigh = f64x2.add(signalHigh, f64x2.mul(u, u))
    powerHigh = f64x2.add(powerHigh, f64x2.mul(v, v))
    dotHigh = f64x2.add(dotHigh, f64x2.mul(u, v))
    noiseHigh = f64x2.add(noiseHigh, f64x2.mul(e, e))
    mostHigh = f64x2.pmax(mostHigh, f64x2.abs(e))
    second += 16
  }
  v128.store(sums, signalLow)
  v128.store(sums, signalHigh, 16)
  v128.store(sums, powerLow, 32)
  v128.store(sums, powerHigh, 48)
  v128.store(sums, dotLow, 64)
  v128.store(sums, dotHigh, 80)
  v128.store(sums, noiseLow, 96)
  v128.store(sums, noiseHigh, 112)
  v128.store(sums, mostLow, 128)
  v128.store(sums, mostHigh, 144)
}
