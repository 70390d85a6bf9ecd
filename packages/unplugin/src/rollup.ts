import type { Plugin } from 'rollup'
import type { Options } from './options/schema'
import { unplugin } from './plugin'

/** `import model from './model.onnx'` in Rollup 4. */
export default unplugin.rollup as (options?: Options) => Plugin
