import type { Message } from '../onnx/message'

type Entries = readonly Message<'StringStringEntryProto'>[]

/** metadata_props as a map; the last of equal keys counts. */
export function metadataOf(entries: Entries = []): Map<string, string> {
  return new Map(entries.map(({ key = '', value = '' }) => [key, value]))
}

/** Undefined for none, so that the field goes away. */
export function metadataEntries(metadata: Iterable<readonly [string, string]>): Entries | undefined {
  const entries = [...metadata].map(([key, value]) => ({ key, value }))
  return entries.length === 0 ? undefined : entries
}
