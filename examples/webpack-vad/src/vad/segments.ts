import { frameLength, sampleRate } from './detector'

/** A stretch of speech, in seconds. */
export interface Segment {
  readonly start: number
  readonly end: number
}

/** Silero's own values: speech begins above the first threshold and goes on until it falls below the second. */
const begin = 0.5
const end = 0.35
const minSpeech = 0.25
const minSilence = 0.1
const padding = 0.03

const frameSeconds = frameLength / sampleRate

/** Stretches of speech in frame probabilities. Short gaps are bridged, short noises dropped. */
export function findSegments(probabilities: ArrayLike<number>): Segment[] {
  const duration = probabilities.length * frameSeconds
  const segments: Segment[] = []
  let start: number | undefined
  /** When the probability fell, if speech may be over. */
  let quietSince: number | undefined
  const close = (at: number) => {
    if (start !== undefined && at - start >= minSpeech)
      segments.push({ start: Math.max(0, start - padding), end: Math.min(duration, at + padding) })
    start = undefined
    quietSince = undefined
  }
  for (let index = 0; index < probabilities.length; index++) {
    const probability = probabilities[index] ?? 0
    const now = index * frameSeconds
    if (probability >= begin) {
      start ??= now
      quietSince = undefined
    } else if (start !== undefined && probability < end) {
      quietSince ??= now
      if (now - quietSince >= minSilence) close(quietSince)
    }
  }
  close(quietSince ?? duration)
  return segments
}
