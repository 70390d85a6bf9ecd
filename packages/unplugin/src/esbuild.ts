import type { Plugin } from 'esbuild'
import type { Options } from './options/schema'
import { unplugin } from './plugin'

/** `import model from './model.onnx'` in esbuild. */
export default unplugin.esbuild as (options?: Options) => Plugin
