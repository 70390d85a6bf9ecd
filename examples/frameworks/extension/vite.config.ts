import onnx from 'unplugin-onnx/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  // The manifest has the headers.
  plugins: [onnx({ targets: ['wasm'], crossOriginIsolation: false })],
  build: { rollupOptions: { input: 'popup.html' } },
})
