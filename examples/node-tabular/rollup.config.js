import { nodeResolve } from '@rollup/plugin-node-resolve'
import typescript from '@rollup/plugin-typescript'
import onnx from 'unplugin-onnx/rollup'

/** @type {import('rollup').RollupOptions} */
export default {
  input: 'src/main.ts',
  output: { dir: 'dist' },
  // onnxruntime-node brings native code: it stays a package.
  external: [/^node:/, 'onnxruntime-node'],
  plugins: [
    onnx({
      targets: ['node'],
      models: { '**/diabetes.onnx': { calibration: './model/calibration.npz' } },
    }),
    nodeResolve(),
    typescript(),
  ],
}
