import { defineConfig } from 'astro/config'
import onnx from 'unplugin-onnx/vite'

export default defineConfig({ vite: { plugins: [onnx()] } })
