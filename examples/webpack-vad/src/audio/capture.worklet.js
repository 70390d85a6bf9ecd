/** Runs on the audio thread: hands the microphone's samples on in frames of 512. */
class Capture extends AudioWorkletProcessor {
  frame = new Float32Array(512)
  filled = 0

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.frame[this.filled++] = sample
      if (this.filled < this.frame.length) continue
      this.port.postMessage(this.frame)
      this.frame = new Float32Array(512)
      this.filled = 0
    }
    return true
  }
}

registerProcessor('capture', Capture)
