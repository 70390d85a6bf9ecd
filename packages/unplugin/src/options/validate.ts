import { nearest } from '@unplugin-onnx/core/catalog'
import { optionUnknown, optionWrong } from '../errors'
import { type Kind, type Options, optionsKind } from './schema'

/**
 * Holds options against the schema.
 * @param where whose options they are, for the message: `onnx()` or the configuration file's name
 * @throws OnnxError ONNX_OPTION_UNKNOWN with the nearest key, ONNX_OPTION_INVALID with what was expected
 */
export function validateOptions(options: unknown, where: string): Options {
  check(options, optionsKind, where, '')
  return options as Options
}

function check(value: unknown, kind: Kind, where: string, path: string): void {
  if (value === undefined && path !== '') return
  if (!kind.accepts(value)) throw optionWrong(where, path, kind.expected, kind.secret ? undefined : { value })
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  const { keys, values } = kind
  for (const [key, inner] of Object.entries(value)) {
    const innerPath = path === '' ? key : `${path}.${key}`
    const innerKind = keys && Object.hasOwn(keys, key) ? keys[key] : undefined
    if (values && !innerKind) check(inner, values, where, `${path}['${key}']`)
    else if (keys) {
      if (!innerKind)
        throw optionUnknown(where, innerPath, nearest(key, Object.keys(keys)), Object.keys(keys))
      check(inner, innerKind, where, innerPath)
    }
  }
}
