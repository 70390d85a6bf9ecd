import type { Plugin } from 'vite'
import type { Options } from './options/schema'
import { unplugin } from './plugin'

/** `import model from './model.onnx'` in Vite 7 and 8. */
export default unplugin.vite as (options?: Options) => Plugin
