import type { RspackPluginInstance } from '@rspack/core'
import type { Options } from './options/schema'
import { unplugin } from './plugin'

/** `import model from './model.onnx'` in Rspack 2. */
export default unplugin.rspack as (options?: Options) => RspackPluginInstance
