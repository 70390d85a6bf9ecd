import { defineConfig } from 'unplugin-onnx'

export default defineConfig({
  targets: ['node'],
  models: {
    '**/digits.onnx': {
      calibration: './calibration.npz',
      accuracy: { evaluate: './evaluate.ts', maxDrop: '0.5%' },
    },
  },
})
