import type { OnnxError } from '../errors'
import * as errors from '../errors'

/** Other formats that are mistaken for models, by their first bytes. */
const signatures: readonly (readonly [string, readonly number[]])[] = [
  ['a zip archive', [0x50, 0x4b, 0x03, 0x04]],
  ['a gzip archive', [0x1f, 0x8b]],
  ['a NumPy array', [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]],
  ['an HDF5 file', [0x89, 0x48, 0x44, 0x46]],
  ['a PNG image', [0x89, 0x50, 0x4e, 0x47]],
  ['a PDF document', [0x25, 0x50, 0x44, 0x46]],
]

const HEAD = 512
const IR_VERSION_TAG = 0x08

/**
 * Tells files that are no model at all by how they begin. A model begins with the tag of a field of ModelProto, almost
 * always 0x08 (ir_version); text made of letters doesn't go through as one for long.
 */
export function sniff(bytes: Uint8Array): OnnxError | undefined {
  if (bytes.length === 0) return errors.emptyFile()
  if (bytes[0] === IR_VERSION_TAG) return undefined
  for (const [what, signature] of signatures) {
    if (signature.every((byte, index) => bytes[index] === byte)) return errors.notOnnx(what)
  }
  // A TensorFlow Lite file has its name after an offset of four bytes.
  if ([0x54, 0x46, 0x4c, 0x33].every((byte, index) => bytes[index + 4] === byte)) {
    return errors.notOnnx('a TensorFlow Lite model')
  }
  const head = String.fromCharCode(...bytes.subarray(0, HEAD))
  if (head.startsWith('version https://git-lfs.github.com/')) return errors.lfsPointer()
  const begin = head.replace(/^\xef\xbb\xbf/, '').trimStart()
  if (/^<(!doctype|html|head|body|\?xml)/i.test(begin)) return errors.htmlPage()
  return isText(head) ? errors.textFile() : undefined
}

/** Printable from the first byte to the last of the head; a model has zeros and small numbers in its first bytes. */
function isText(head: string): boolean {
  return !/[^\t\n\r\x20-\x7e\x80-\xff]/.test(head)
}
