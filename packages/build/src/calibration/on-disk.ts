import { createWriteStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Bytes that are read by their place. */
export interface ByteSource {
  readonly size: number
  /**
   * Bytes in memory of their own.
   * @throws Error where the source ends before
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>
}

/** A file that is open until it is closed. */
export interface OpenFile extends ByteSource {
  close(): Promise<void>
}

export async function openBytes(path: string): Promise<OpenFile> {
  const handle = await open(path, 'r')
  const { size } = await handle.stat()
  return { size, read: (offset, length) => readFully(handle, offset, length), close: () => handle.close() }
}

async function readFully(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) throw new Error('the file ends too early')
    done += bytesRead
  }
  return bytes
}

/** A part of a source, as a source. */
export const partOf = (source: ByteSource, start: number, size: number): ByteSource => ({
  size,
  read(offset, length) {
    if (offset + length > size) return Promise.reject(new Error('the array ends too early'))
    return source.read(start + offset, length)
  },
})

/** A folder for what has to lie on disk in another form than the user's, made when it is first needed. */
export class Scratch {
  readonly #parent: string
  readonly #open: OpenFile[] = []
  #folder: Promise<string> | undefined
  #files = 0

  /** @param parent folder for the folder; by default the system's for temporary files */
  constructor(parent: string = tmpdir()) {
    this.#parent = parent
  }

  /** A path that no other file has. */
  async path(): Promise<string> {
    this.#folder ??= mkdtemp(join(this.#parent, 'onnx-samples-'))
    return join(await this.#folder, String(this.#files++))
  }

  /**
   * Keeps all bytes of a stream.
   * @param open starts it, when there is a place for it: a stream that fails while nobody listens ends the process
   */
  async keep(open: () => Promise<Readable>): Promise<ByteSource> {
    const path = await this.path()
    await pipeline(await open(), createWriteStream(path))
    const file = await openBytes(path)
    this.#open.push(file)
    return file
  }

  async close(): Promise<void> {
    for (const file of this.#open.splice(0)) await file.close()
    if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }
}
