/** protobufjs, which knows ONNX only from onnx-ml.proto, as the judge of what bytes mean. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import protobuf from 'protobufjs'
import { expect } from 'vitest'

export const onnxProto = protobuf.loadSync(join(import.meta.dirname, 'fixtures/onnx-ml.proto'))
export const modelProto = onnxProto.lookupType('onnx.ModelProto')

export function decode(bytes: Uint8Array): protobuf.Message {
  // In one kind of array, so that bytes compare by what is in them.
  return modelProto.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
}

/** Both say the same; a difference is shown by the path of its first place. */
export function expectSameMeaning(actual: Uint8Array, expected: Uint8Array): void {
  if (isDeepStrictEqual(actual, expected)) return
  const [a, b] = [decode(actual), decode(expected)]
  if (!isDeepStrictEqual(a, b)) expect.fail(`differs at ${firstDifference(a, b, 'model')}`)
}

function firstDifference(a: unknown, b: unknown, path: string): string {
  if (isDeepStrictEqual(a, b)) return ''
  if (
    typeof a === 'object' &&
    typeof b === 'object' &&
    a !== null &&
    b !== null &&
    !(a instanceof Uint8Array)
  ) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = firstDifference(a[key as keyof typeof a], b[key as keyof typeof b], `${path}.${key}`)
      if (found !== '') return found
    }
  }
  const show = (value: unknown) => (JSON.stringify(value) ?? String(value)).slice(0, 100)
  return `${path}: ${show(a)} and ${show(b)}`
}
