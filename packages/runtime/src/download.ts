import { orAborted } from './abort'
import { fetchFile } from './fetch-file'
import { openStore } from './store'
import type { AssetDescriptor, AssetFile, AssetVariant, Bytes, Files, LoadOptions } from './types'

/** Files that are on their way at a time: browsers open six connections to a server, and the page has other needs. */
const atATime = 4

/** A download under way, for all who wait for it. */
interface Flight {
  readonly files: Promise<Files>
  /** Each is told of progress. The last who leaves ends the download. */
  readonly users: Set<(loaded: number) => void>
  readonly abort: AbortController
  /** Whether all files lie in Cache Storage so far. */
  stored: boolean
}

const flights = new Map<string, Flight>()

/**
 * Downloads the files of one variant, or reads them from disk in Node. Who asks for the same at the same time shares it;
 * once nobody waits any more, nothing is under way and no bytes are kept.
 * @param keep keeps the files in memory for who comes next, where Cache Storage did not take them
 * @throws OnnxError ONNX_FETCH_FAILED, ONNX_HASH_MISMATCH; the signal's reason when aborted
 */
export async function download(
  descriptor: AssetDescriptor,
  variant: AssetVariant,
  { signal, onProgress, cache }: LoadOptions,
  keep = false,
): Promise<Files> {
  const { url, bytes: total } = variant
  const flight = flights.get(url) ?? start(descriptor, variant, cache)
  flights.set(url, flight)
  const { users, files, abort } = flight
  // What a listener throws is an error of the page, and none of the download that others wait for too.
  const user = (loaded: number) => queueMicrotask(() => onProgress?.({ loaded, total }))
  users.add(user)
  let kept = false
  try {
    const loaded = await orAborted(signal, files)
    kept = keep && !flight.stored
    return loaded
  } finally {
    users.delete(user)
    if (!users.size && !kept) {
      flights.delete(url)
      abort.abort()
    }
  }
}

function start({ name, id = name, variants }: AssetDescriptor, variant: AssetVariant, cache = true): Flight {
  const abort = new AbortController()
  const users: Flight['users'] = new Set()
  const parts = filesOf(variant)
  const all: Bytes[] = []
  const loaded = parts.map(() => 0)
  let most = 0
  const tell = (index: number) => (count: number) => {
    loaded[index] = count
    const sum = loaded.reduce((total, each) => total + each)
    // A file that begins again is no step back for who watches.
    if (sum > most) for (const user of users) user(sum)
    most = Math.max(most, sum)
  }
  const load = async (): Promise<Files> => {
    const current = variants.flatMap(filesOf).map(({ sha256 }) => sha256)
    const store = cache ? await openStore(id, current) : undefined
    // One list, from which each takes what is next.
    const queue = parts.entries()
    const work = async () => {
      for (const [index, file] of queue) {
        abort.signal.throwIfAborted()
        const [bytes, stored = false] = await fetchFile(name, file, store, abort.signal, tell(index))
        all[index] = bytes
        flight.stored &&= stored
      }
    }
    await Promise.all(Array.from({ length: atATime }, work))
    const [bytes, ...data] = all as [Bytes, ...Bytes[]]
    const externalData = variant.shards?.map(({ path }, index) => ({ path, data: data[index] as Bytes }))
    return { bytes, ...(externalData && { externalData }) }
  }
  const flight: Flight = { files: load(), users, abort, stored: true }
  return flight
}

/** The graph first: a variant's bytes are those of all its files. */
const filesOf = ({ url, sha256, bytes, shards = [] }: AssetVariant): AssetFile[] => [
  { url, sha256, bytes: shards.reduce((rest, shard) => rest - shard.bytes, bytes) },
  ...shards,
]
