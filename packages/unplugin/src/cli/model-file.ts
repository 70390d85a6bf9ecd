import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { type OpenModel, openModelFile } from '@unplugin-onnx/build'
import { type Model, OnnxError, readModel, splitModel, writeModel } from '@unplugin-onnx/core'
import { modelUnreadable } from '../errors'

/**
 * Opens a model with its external data, for as long as the action runs; twice, so that one may be changed.
 * @param weights of large models: on disk they are external tensors to whoever looks
 */
export async function withModel<T>(
  file: string,
  action: (model: Model, bytes: number, untouched: Model, opened: OpenModel) => Promise<T>,
  weights: 'in memory' | 'on disk' = 'in memory',
): Promise<T> {
  const path = resolve(file)
  const name = basename(file)
  let opened: OpenModel
  try {
    opened = openModelFile(path, name, weights === 'on disk' ? undefined : Number.POSITIVE_INFINITY)
  } catch (cause) {
    throw modelUnreadable(file, cause)
  }
  try {
    const read = () => readModel(opened.bytes, { external: opened.external, name })
    return await action(read(), opened.byteLength, read(), opened)
  } finally {
    opened.close()
  }
}

/**
 * Writes a model with its weights in one file, or, where it wouldn't fit into protobuf's 2 GiB, with its weights in
 * `<file>.data` beside it. Each file is whole, or it isn't there. Returns the bytes of both.
 */
export async function saveModel(model: Model, file: string): Promise<number> {
  let chunks: Iterable<Uint8Array>
  try {
    chunks = writeModel(model)
  } catch (error) {
    if (!(error instanceof OnnxError) || error.code !== 'ONNX_MODEL_TOO_LARGE') throw error
    const data = `${file}.data`
    const split = splitModel(model, basename(data))
    // The data first: a model that is there has its weights.
    return (await saveWhole(split.data, data)) + (await saveWhole(split.model, file))
  }
  return saveWhole(chunks, file)
}

/** Writes a text; the file is whole, or it isn't there. */
export const saveText = (text: string, file: string): Promise<number> =>
  saveWhole([new TextEncoder().encode(text)], file)

async function writeChunk(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.byteLength - done, position + done)
    done += bytesWritten
  }
}

async function saveWhole(chunks: Iterable<Uint8Array>, file: string): Promise<number> {
  const temporary = `${file}.${process.pid}.tmp`
  let bytes = 0
  try {
    const handle = await open(temporary, 'w')
    try {
      // One is written while the next is made.
      let writing = Promise.resolve()
      try {
        for (const chunk of chunks) {
          await writing
          writing = writeChunk(handle, chunk, bytes)
          bytes += chunk.byteLength
        }
      } finally {
        await writing
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  return bytes
}
