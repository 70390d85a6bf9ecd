import { svelte } from '@sveltejs/vite-plugin-svelte'
import onnx from 'unplugin-onnx/vite'
import { defineConfig } from 'vite'

export default defineConfig({ plugins: [svelte(), onnx()] })
