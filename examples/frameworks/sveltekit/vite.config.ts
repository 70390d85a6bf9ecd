import { sveltekit } from '@sveltejs/kit/vite'
import onnx from 'unplugin-onnx/vite'
import { defineConfig } from 'vite'

export default defineConfig({ plugins: [onnx(), sveltekit()] })
