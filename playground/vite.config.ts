import { fileURLToPath } from 'node:url'
import onnx from 'unplugin-onnx/vite'
import { defineConfig } from 'vite'
import { offline } from './offline-plugin.ts'
import { contentPolicy } from './policy-plugin.ts'

export default defineConfig({
  // It is as much at home in a folder of a host as on one of its own.
  base: './',
  // What the report of a build is drawn with: not published, and of use to nobody else.
  resolve: {
    alias: { '@report': fileURLToPath(new URL('../packages/build/report', import.meta.url)) },
  },
  plugins: [onnx(), contentPolicy(), offline()],
  worker: { format: 'es' },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
})
