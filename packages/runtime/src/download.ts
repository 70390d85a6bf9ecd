import { type Bytes, fetchFile } from './fetch-file'
import { store, stored } from './store'
import type { AssetDescriptor, AssetFile, AssetVariant, Loaded, LoadOptions } from './types'

/** Files of one variant that are fetched at a time. */
const parallel = 4

/** A variant's files: its graph, then its shards. */
export const filesOf = ({ url, bytes, sha256, shards = [] }: AssetVariant): readonly AssetFile[] => [
  { url, sha256, bytes: shards.reduce((rest, shard) => rest - shard.bytes, bytes) },
  ...shards,
]

/** Files of a variant on their way, or in memory, for all who want them. */
interface Flight {
  readonly files: Promise<readonly Bytes[]>
  readonly kept: Promise<void>
  /** All who hold them, to be told of progress. */
  readonly holders: Set<() => void>
  /** Bytes that are there, by file. */
  readonly loaded: Map<AssetFile, number>
  readonly abort: () => void
}

const flights = new Map<string, Flight>()

export interface Held {
  /** @throws OnnxError ONNX_FETCH_FAILED, ONNX_HASH_MISMATCH; the signal's reason when aborted */
  readonly files: Promise<readonly Bytes[]>
  /** Lets go of the bytes; the last one to do so frees them, or stops their download. */
  release(): void
  /** They are in Cache Storage, if they can be. */
  readonly kept: Promise<void>
}

/** The verified files of a variant, shared by all who hold them at a time. */
export function hold(asset: AssetDescriptor, variant: AssetVariant, options: LoadOptions): Held {
  const { signal, onProgress, cache = true } = options
  signal?.throwIfAborted()
  const key = `${variant.sha256} ${variant.url} ${cache}`
  const flight = flights.get(key) ?? begin(asset, variant, cache, key)
  const watch = () => {
    let loaded = 0
    for (const bytes of flight.loaded.values()) loaded += bytes
    onProgress?.({ loaded, total: variant.bytes })
  }
  flight.holders.add(watch)
  let aborted = () => {}
  const release = () => {
    signal?.removeEventListener('abort', aborted)
    if (!flight.holders.delete(watch) || flight.holders.size > 0) return
    if (flights.get(key) === flight) flights.delete(key)
    flight.abort()
  }
  const files = new Promise<readonly Bytes[]>((resolve, reject) => {
    aborted = () => {
      reject(signal?.reason)
      release()
    }
    signal?.addEventListener('abort', aborted)
    flight.files.then(resolve, reject)
  })
  return { files, release, kept: flight.kept }
}

/** What was downloaded, in onnxruntime's terms. */
export async function loaded(variant: AssetVariant, { files }: Held): Promise<Loaded> {
  const [bytes, ...data] = await files
  const externalData = variant.shards?.map(({ path }, index) => ({ path, data: data[index] as Bytes }))
  return { bytes: bytes as Bytes, variant, externalData }
}

function begin(asset: AssetDescriptor, variant: AssetVariant, cache: boolean, key: string): Flight {
  const controller = new AbortController()
  const { signal } = controller
  const holders = new Set<() => void>()
  const fetched = new Map<AssetFile, Bytes>()
  const loaded = new Map<AssetFile, number>()
  const get = async (file: AssetFile): Promise<Bytes> => {
    const progress = (bytes: number) => {
      loaded.set(file, bytes)
      for (const watch of holders) watch()
    }
    const known = cache ? await stored(asset, file).catch(() => {}) : undefined
    signal.throwIfAborted()
    if (known) progress(known.length)
    const bytes = known ?? (await fetchFile(asset.name, file, signal, progress))
    if (!known) fetched.set(file, bytes)
    return bytes
  }
  const files = all(filesOf(variant), get).catch((cause) => {
    flights.delete(key)
    // One that failed is enough: the others need not go on.
    controller.abort()
    throw cause
  })
  // Whatever keeps them from being kept (no space, for one) is no reason not to run the model.
  const kept = files
    .then(() => (cache ? store(asset, fetched, asset.variants.flatMap(filesOf)) : undefined))
    .catch(() => {})
  const abort = () => controller.abort()
  const flight: Flight = { files, kept, holders, loaded, abort }
  flights.set(key, flight)
  return flight
}

/** What an action makes of each item, in their order; few at a time. */
async function all<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const queue = items.entries()
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await action(item)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return results
}
