import type { Options } from './options/schema'

export { readNpz } from '@unplugin-onnx/build/npz'
export {
  cpuOperators,
  defineTarget,
  type Evaluate,
  type EvaluatedModel,
  type ModelOptions,
  type OperatorRule,
  type OperatorTable,
  type Score,
  type Target,
  wasmOperators,
  webgpuOperators,
  webnnOperators,
} from '@unplugin-onnx/build/plugin'
export type { LogLevel, Options, Pattern } from './options/schema'

/** Types the options in `onnx.config.ts`: `export default defineConfig({ … })`. */
export const defineConfig = (options: Options): Options => options
