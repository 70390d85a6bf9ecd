import onnx from 'unplugin-onnx/vite'
import { defineConfig, type Plugin } from 'vite'

/** A page from disk may load classic scripts, and no modules. */
const classicScript: Plugin = {
  name: 'classic-script',
  enforce: 'post',
  transformIndexHtml: (html) => html.replace('<script type="module" crossorigin', '<script defer'),
}

export default defineConfig({
  base: './',
  plugins: [onnx({ targets: ['wasm'], inline: true, crossOriginIsolation: false }), classicScript],
  build: { modulePreload: false, rollupOptions: { output: { format: 'iife' } } },
})
