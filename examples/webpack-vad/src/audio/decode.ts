import { sampleRate } from '../vad/detector'

/** Any audio file that the browser plays, as mono samples at 16 kHz, -1 to 1. */
export async function decodeAudio(file: Blob): Promise<Float32Array> {
  // A context of one sample: it only lends its sample rate, to which decoding resamples.
  const context = new OfflineAudioContext(1, 1, sampleRate)
  const buffer = await context.decodeAudioData(await file.arrayBuffer())
  const mono = new Float32Array(buffer.length)
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    for (const [index, value] of buffer.getChannelData(channel).entries())
      mono[index] = (mono[index] ?? 0) + value / buffer.numberOfChannels
  }
  return mono
}
