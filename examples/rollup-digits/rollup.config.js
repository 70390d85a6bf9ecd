import { nodeResolve } from '@rollup/plugin-node-resolve'
import typescript from '@rollup/plugin-typescript'
import onnx from 'unplugin-onnx/rollup'
import { fileUrl, page } from './page.js'

/** @type {import('rollup').RollupOptions} */
export default {
  input: 'src/main.ts',
  output: { dir: 'dist', entryFileNames: '[name]-[hash].js' },
  plugins: [
    onnx({ models: { '**/digits.onnx': { calibration: './model/calibration.npz' } } }),
    fileUrl(),
    page('src/index.html'),
    nodeResolve({ browser: true }),
    typescript(),
  ],
}
