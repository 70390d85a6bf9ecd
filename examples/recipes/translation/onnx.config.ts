import { defineConfig } from 'unplugin-onnx'

export default defineConfig({
  targets: ['node'],
  models: {
    '**/encoder.onnx': { calibration: './encoder.npz', accuracy: { sqnr: 25 } },
    // The likeliest word at each step is the sentence: what counts is that it stays the likeliest.
    '**/decoder.onnx': { calibration: './decoder.npz', accuracy: { top1: 0.99 } },
  },
})
