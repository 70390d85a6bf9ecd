import { type FileHandle, open } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { type InputLimits, type OpenModel, openModelFile, printable, putWhole } from '@unplugin-onnx/build'
import { type Model, OnnxError, readModel, splitModel, writeModel } from '@unplugin-onnx/core'
import { modelUnreadable } from '../errors'
import { createOptionsReader } from '../options/config-file'
import { limitsOf } from '../options/limits'

/**
 * Opens a model with its external data, for as long as the action runs, within the limits of the project.
 * @param action is handed the model, the bytes of its file, and how to read it once more as it is in the file
 * @param weights of large models: on disk they are external tensors to whoever looks
 */
export async function withModel<T>(
  file: string,
  action: (model: Model, bytes: number, read: () => Model, opened: Opened) => Promise<T>,
  weights: 'in memory' | 'on disk' = 'in memory',
): Promise<T> {
  const path = resolve(file)
  const name = basename(file)
  const limits = limitsOf(await createOptionsReader(process.cwd(), {})())
  let opened: OpenModel
  try {
    opened = openModelFile(path, name, weights === 'on disk' ? undefined : Number.POSITIVE_INFINITY, limits)
  } catch (cause) {
    throw cause instanceof OnnxError ? cause.about(printable(name)) : modelUnreadable(file, cause)
  }
  try {
    const read = () => readModel(opened.bytes, { external: opened.external, name: printable(name), limits })
    return await action(read(), opened.byteLength, read, { ...opened, limits })
  } finally {
    opened.close()
  }
}

export interface Opened extends OpenModel {
  readonly limits: Partial<InputLimits>
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

/** Chunks are gathered to so many bytes: most are small, and a write of its own for each would be waited for. */
const WRITE_BYTES = 1 << 20

/** Systems take no more chunks in one write. */
const WRITE_CHUNKS = 1024

/** So many bytes are brought to the disk while more is made, so that little is left to wait for in the end. */
const SYNC_BYTES = 1 << 25

/** What was gathered is written while more is made. */
async function writeAll(handle: FileHandle, chunks: Iterable<Uint8Array>): Promise<number> {
  let bytes = 0
  let gathered: Uint8Array[] = []
  let size = 0
  let writing = Promise.resolve()
  let unsynced = 0
  const syncing: Promise<void>[] = []
  const write = async () => {
    await writing
    writing = writeChunks(handle, gathered, bytes)
    bytes += size
    unsynced += size
    if (unsynced >= SYNC_BYTES) {
      const sync = handle.datasync()
      // Heard of in the end: the system tells of a failure once.
      sync.catch(() => undefined)
      syncing.push(sync)
      unsynced = 0
    }
    gathered = []
    size = 0
  }
  try {
    for (const chunk of chunks) {
      gathered.push(chunk)
      size += chunk.byteLength
      if (size >= WRITE_BYTES || gathered.length === WRITE_CHUNKS) await write()
    }
    await write()
  } finally {
    await writing
  }
  await Promise.all(syncing)
  return bytes
}

async function writeChunks(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = chunks
  for (let at = position; rest.length > 0; ) {
    const { bytesWritten } = await handle.writev(rest, at)
    at += bytesWritten
    let left = bytesWritten
    let whole = 0
    for (; whole < rest.length && left >= (rest[whole]?.byteLength ?? 0); whole++)
      left -= rest[whole]?.byteLength ?? 0
    rest = rest.slice(whole).map((chunk, index) => (index === 0 ? chunk.subarray(left) : chunk))
  }
}

const saveWhole = (chunks: Iterable<Uint8Array>, file: string): Promise<number> =>
  putWhole(file, async (temporary) => {
    // Never through a link that somebody laid there.
    const handle = await open(temporary, 'wx')
    try {
      const bytes = await writeAll(handle, chunks)
      await handle.sync()
      return bytes
    } finally {
      await handle.close()
    }
  })
