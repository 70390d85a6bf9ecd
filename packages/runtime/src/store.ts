/// <reference lib="dom" />
import { type Bytes, matches } from './fetch-file'
import type { AssetDescriptor, AssetFile } from './types'

/** Keys of Cache Storage are URLs. Files are found by their content, wherever a build puts them. */
const address = ({ id, name }: AssetDescriptor, sha256 = ''): string =>
  `https://onnx.invalid/${encodeURIComponent(id ?? name)}/${sha256}`

/** Undefined where there is none: in Node, in an insecure context, where it is switched off. */
const openStore = (): Promise<Cache> | undefined => globalThis.caches?.open('unplugin-onnx')

/** A file that an earlier visit kept. */
export async function stored(asset: AssetDescriptor, file: AssetFile): Promise<Bytes | undefined> {
  const response = await (await openStore())?.match(address(asset, file.sha256))
  const bytes = response && new Uint8Array(await response.arrayBuffer())
  return bytes && (await matches(bytes, file)) ? bytes : undefined
}

/** Keeps files for the next visit, and drops what the same asset left of other versions. */
export async function store(
  asset: AssetDescriptor,
  files: ReadonlyMap<AssetFile, Bytes>,
  current: readonly AssetFile[],
): Promise<void> {
  const store = await openStore()
  if (!store) return
  const prefix = address(asset)
  const keys = current.map(({ sha256 }) => prefix + sha256)
  for (const { url } of await store.keys()) {
    if (url.startsWith(prefix) && !keys.includes(url)) await store.delete(url)
  }
  for (const [{ sha256 }, bytes] of files) await store.put(prefix + sha256, new Response(bytes))
}
