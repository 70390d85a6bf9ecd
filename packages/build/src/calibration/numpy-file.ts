import type { Readable } from 'node:stream'
import type { Entry, ZipFile } from 'yauzl'
import { type DenseArray, sizeOf } from '../arrays'
import { checkUnzipped, type InputLimits } from '../limits'
import { inRows, type NpyHeader, npyElements, npyHeader, npyHeaderBytes } from './npy'
import { type ByteSource, openBytes, partOf, type Scratch } from './on-disk'

/** An array on disk. */
export interface StoredArray {
  readonly type: NpyHeader['type']
  readonly dims: readonly number[]
  /** So many elements from a place on, in row-major order. */
  read(first: number, count: number): Promise<DenseArray['data']>
}

/** Arrays of one file by name; of a lone array the name is empty. */
export interface StoredArrays {
  readonly arrays: ReadonlyMap<string, StoredArray>
  close(): Promise<void>
}

/** Arrays in Fortran's order are put in order in memory. */
const maxColumnMajor = 2 ** 28
/** What a compressed archive may unfold to on disk. */
const maxUnpacked = 2 ** 36

/**
 * Opens the array of an `.npy` file; elements are read from the file when they are asked for.
 * @throws Error that says what is wrong, without the file's name
 */
export async function openNpy(path: string): Promise<StoredArrays> {
  const file = await openBytes(path)
  try {
    return { arrays: new Map([['', await storedArray(file)]]), close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

/**
 * Opens the arrays of an `.npz` file. Those of savez are read in place; those of savez_compressed are unpacked onto disk
 * first, piece by piece.
 * @throws Error that says what is wrong, without the file's name; OnnxError ONNX_LIMIT_EXCEEDED
 */
export async function openNpz(
  path: string,
  scratch: Scratch,
  limits?: Pick<InputLimits, 'unzipRatio'>,
): Promise<StoredArrays> {
  const zip = await opened(path)
  const file = await openBytes(path)
  const close = async () => {
    zip.close()
    await file.close()
  }
  try {
    const arrays = new Map<string, StoredArray>()
    let unpacked = 0
    for (const entry of await entriesOf(zip)) {
      if (!entry.fileName.endsWith('.npy')) continue
      const name = entry.fileName.slice(0, -'.npy'.length)
      if (entry.compressionMethod !== 0) unpacked += entry.uncompressedSize
      if (unpacked > maxUnpacked) throw new Error('the arrays unpack to more than 64 GiB: give fewer rows')
      checkUnzipped(file.size, unpacked, limits)
      try {
        arrays.set(name, await storedArray(await contentOf(zip, entry, file, scratch)))
      } catch (cause) {
        throw new Error(`'${name}': ${messageOf(cause)}`)
      }
    }
    if (arrays.size === 0) throw new Error('there is no array in it')
    return { arrays, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function opened(path: string): Promise<ZipFile> {
  const { openPromise } = await import('yauzl')
  try {
    return await openPromise(path, { autoClose: false, lazyEntries: true, strictFileNames: false })
  } catch (cause) {
    throw new Error(`this is no readable .npz archive (${messageOf(cause)})`)
  }
}

async function entriesOf(zip: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = []
  try {
    for await (const entry of zip.eachEntry()) entries.push(entry)
  } catch (cause) {
    throw new Error(`this is no readable .npz archive (${messageOf(cause)})`)
  }
  return entries
}

async function contentOf(
  zip: ZipFile,
  entry: Entry,
  file: ByteSource,
  scratch: Scratch,
): Promise<ByteSource> {
  if (entry.isEncrypted()) throw new Error('the array is encrypted')
  if (entry.compressionMethod === 0) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
    if (fileDataStart + entry.compressedSize > file.size) throw new Error('the array is cut off')
    return partOf(file, fileDataStart, entry.compressedSize)
  }
  if (entry.compressionMethod !== 8)
    throw new Error('the array is compressed in a way that numpy does not write')
  return scratch.keep(async (): Promise<Readable> => zip.openReadStreamPromise(entry))
}

async function storedArray(source: ByteSource): Promise<StoredArray> {
  const start = await source.read(0, Math.min(source.size, npyHeaderBytes))
  const header = npyHeader(start, source.size)
  const { type, dims, width } = header
  const size = sizeOf(dims)
  const bytesOf = (first: number, count: number) => source.read(header.start + first * width, count * width)
  if (!header.columnMajor)
    return { type, dims, read: async (first, count) => npyElements(header, await bytesOf(first, count)) }
  if (size * width > maxColumnMajor)
    throw new Error("the array is in Fortran's order: save it with numpy.ascontiguousarray")
  const data = inRows(npyElements(header, await bytesOf(0, size)), header)
  return { type, dims, read: async (first, count) => data.slice(first, first + count) }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
