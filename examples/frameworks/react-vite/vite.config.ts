import react from '@vitejs/plugin-react'
import onnx from 'unplugin-onnx/vite'
import { defineConfig } from 'vite'

export default defineConfig({ plugins: [react(), onnx()] })
