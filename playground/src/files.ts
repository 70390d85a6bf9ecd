import type { MemoryInputs, MemoryModel } from '@unplugin-onnx/build/browser'
import { errors } from './errors'

/** Model and external data; a variant lies beside them, and WebAssembly has 4 GB for the engine's own copies. */
const largest = 1 << 30

const isModel = ({ name }: File): boolean => /\.onnx$/i.test(name)

/**
 * A model among the files that somebody handed in, and what lies beside it.
 * @throws OnnxError ONNX_TOO_LARGE_FOR_PAGE, ONNX_FILE_UNREADABLE
 */
export async function modelOf(files: readonly File[]): Promise<MemoryModel> {
  const file = files.find(isModel) ?? files[0]
  if (file === undefined) throw new Error('there is no file')
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (total > largest) throw errors.tooLarge(file.name, total, largest)
  const beside = new Map<string, Uint8Array>()
  for (const other of files) if (other !== file) beside.set(other.name, await bytesOf(other))
  return { name: file.name, bytes: await bytesOf(file), beside }
}

/** @throws OnnxError ONNX_FILE_UNREADABLE */
export const inputsOf = async (file: File): Promise<MemoryInputs> => ({
  name: file.name,
  bytes: await bytesOf(file),
})

async function bytesOf(file: File): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer())
  } catch (cause) {
    throw errors.fileUnreadable(file.name, cause)
  }
}
