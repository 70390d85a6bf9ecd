import type { Options } from './options/schema'

export type { ModelOptions } from '@unplugin-onnx/build'
export type { LogLevel, Options, Pattern } from './options/schema'

/** Types the options in `onnx.config.ts`: `export default defineConfig({ … })`. */
export const defineConfig = (options: Options): Options => options
