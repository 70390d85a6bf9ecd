import { sampleRate } from '../vad/detector'

/**
 * Opens the microphone.
 * @param onFrame hears every 512 samples at 16 kHz
 * @returns closes it
 */
export async function openMicrophone(onFrame: (frame: Float32Array) => void): Promise<() => Promise<void>> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } })
  const context = new AudioContext({ sampleRate })
  await context.audioWorklet.addModule(new URL('./capture.worklet.js', import.meta.url))
  const capture = new AudioWorkletNode(context, 'capture', { numberOfOutputs: 0 })
  capture.port.onmessage = ({ data }: MessageEvent<Float32Array>) => onFrame(data)
  context.createMediaStreamSource(stream).connect(capture)
  return async () => {
    for (const track of stream.getTracks()) track.stop()
    await context.close()
  }
}
