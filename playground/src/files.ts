import { errors, largestInMemory, type MemoryInputs, type MemoryModel } from '@unplugin-onnx/build/browser'

const isModel = ({ name }: File): boolean => /\.(onnx|ort|pb)$/i.test(name)

/**
 * A model among the files that somebody handed in, and what lies beside it.
 * @throws OnnxError ONNX_TOO_LARGE_FOR_PAGE, ONNX_MODEL_UNREADABLE
 */
export async function modelOf(files: readonly File[]): Promise<MemoryModel> {
  const file = files.find(isModel) ?? files[0]
  if (file === undefined) throw new Error('there is no file')
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (total > largestInMemory) throw errors.tooLargeForPage(file.name, total, largestInMemory)
  const beside = new Map<string, Uint8Array>()
  for (const other of files) if (other !== file) beside.set(other.name, await bytesOf(other, file.name))
  return { name: file.name, bytes: await bytesOf(file, file.name), beside }
}

/** @throws OnnxError ONNX_MODEL_UNREADABLE */
export const inputsOf = async (file: File, model: string): Promise<MemoryInputs> => ({
  name: file.name,
  bytes: await bytesOf(file, model),
})

/** A file may be gone, or have changed, since it was chosen. */
async function bytesOf(file: File, model: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer())
  } catch (cause) {
    throw errors.modelUnreadable(model, cause)
  }
}
