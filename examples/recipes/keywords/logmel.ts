/** Features as the model was trained on, value for value: 49 frames of 40 mel bands from a second at 16 kHz. */
const rate = 16_000
const window = 512
const hop = 320
export const bands = 40

const hann = Float64Array.from(
  { length: window },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (window - 1)),
)
const cosine = Float64Array.from({ length: window }, (_, i) => Math.cos((2 * Math.PI * i) / window))

const toMel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700)
const toHertz = (mel: number) => 700 * (10 ** (mel / 2595) - 1)
const edges = Array.from({ length: bands + 2 }, (_, i) =>
  toHertz(toMel(60) + ((toMel(rate / 2) - toMel(60)) * i) / (bands + 1)),
)
/** Triangles over the bins of the spectrum, a row for each band. */
const filters = Array.from({ length: bands }, (_, band) => {
  const [low = 0, middle = 0, high = 0] = edges.slice(band)
  return Float64Array.from({ length: window / 2 + 1 }, (_, bin) => {
    const hertz = (bin * rate) / window
    return Math.max(0, Math.min((hertz - low) / (middle - low), (high - hertz) / (high - middle)))
  })
})

/** @param samples from -1 to 1, at 16 kHz */
export function logmel(samples: Float32Array): Float32Array {
  const frames = Math.floor((samples.length - window) / hop) + 1
  const features = new Float32Array(frames * bands)
  for (let frame = 0; frame < frames; frame++) {
    const power = spectrum(samples.subarray(frame * hop, frame * hop + window))
    for (const [band, filter] of filters.entries()) {
      const energy = filter.reduce((sum, weight, bin) => sum + weight * (power[bin] ?? 0), 0)
      features[frame * bands + band] = Math.log(energy + 1e-4) / 4
    }
  }
  return features
}

/** Power of each frequency. A plain Fourier sum: a second of sound takes some ten milliseconds. */
function spectrum(samples: Float32Array): Float64Array {
  const faded = hann.map((weight, i) => weight * (samples[i] ?? 0))
  return Float64Array.from({ length: window / 2 + 1 }, (_, bin) => {
    let [real, imaginary] = [0, 0]
    for (const [i, sample] of faded.entries()) {
      real += sample * (cosine[(bin * i) % window] ?? 0)
      imaginary += sample * (cosine[(bin * i + window / 4) % window] ?? 0)
    }
    return real ** 2 + imaginary ** 2
  })
}
