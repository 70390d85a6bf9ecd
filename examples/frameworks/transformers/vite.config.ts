import onnx from 'unplugin-onnx/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [
    onnx({
      // Transformers.js brings an onnxruntime of its own, and takes one file.
      onnxruntime: 'external',
      shards: false,
      crossOriginIsolation: false,
    }),
  ],
})
