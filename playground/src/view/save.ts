import { h } from '@report/dom'

/** Of what is downloaded. */
export const fileName = (model: string, recipe: string, ofPasses: boolean): string =>
  `${model.replace(/\.onnx$/i, '')}.${ofPasses ? 'transformed' : recipe}.onnx`

/** Has the browser write a file. */
export function save(bytes: Uint8Array<ArrayBuffer>, file: string): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
  h('a', { attributes: { href: url, download: file } }).click()
  // The download has begun by then, and holds the bytes itself.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
