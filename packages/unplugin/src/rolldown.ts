import type { Plugin } from 'rolldown'
import type { Options } from './options/schema'
import { unplugin } from './plugin'

/** `import model from './model.onnx'` in Rolldown 1. */
export default unplugin.rolldown as (options?: Options) => Plugin
