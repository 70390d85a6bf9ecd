import { open, rename, rm } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { type OpenModel, openModelFile } from '@unplugin-onnx/build'
import { type Model, readModel, writeModel } from '@unplugin-onnx/core'
import { modelUnreadable } from '../errors'

/**
 * Opens a model with its external data, for as long as the action runs; twice, so that one may be changed.
 * @param weights of large models: on disk they are external tensors to whoever looks
 */
export async function withModel<T>(
  file: string,
  action: (model: Model, bytes: number, untouched: Model) => Promise<T>,
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
    return await action(read(), opened.byteLength, read())
  } finally {
    opened.close()
  }
}

/** Writes a model with its weights in one file; the file is whole, or it isn't there. Returns its size in bytes. */
export async function saveModel(model: Model, file: string): Promise<number> {
  const temporary = `${file}.${process.pid}.tmp`
  let bytes = 0
  try {
    const handle = await open(temporary, 'w')
    try {
      for (const chunk of writeModel(model)) {
        await handle.writeFile(chunk)
        bytes += chunk.byteLength
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
