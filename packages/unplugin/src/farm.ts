import type { JsPlugin } from '@farmfe/core'
import type { Options } from './options/schema'
import { unplugin } from './plugin'

/** `import model from './model.onnx'` in Farm 1. */
export default unplugin.farm as (options?: Options) => JsPlugin
