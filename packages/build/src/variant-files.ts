import type { Manifest, Shard, Variant } from '@unplugin-onnx/runtime'

/** A file of a conversion's folder. */
export type VariantFile = Omit<Shard, 'path'>

/** The files of one variant: its own, then its shards. */
export function variantFiles({ file, bytes, sha256, shards = [] }: Variant): readonly VariantFile[] {
  return [{ file, sha256, bytes: shards.reduce((rest, shard) => rest - shard.bytes, bytes) }, ...shards]
}

/** All files that a manifest speaks of, each once: targets share them. */
export const filesOf = ({ variants }: Pick<Manifest, 'variants'>): readonly VariantFile[] => [
  ...new Map(variants.flatMap(variantFiles).map((each) => [each.file, each])).values(),
]
