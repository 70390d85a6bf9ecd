import type { WebpackPluginInstance } from 'webpack'
import type { Options } from './options/schema'
import { unplugin } from './plugin'

/** `import model from './model.onnx'` in webpack 5. */
export default unplugin.webpack as (options?: Options) => WebpackPluginInstance
