import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type ComparedIn, type EngineName, printable, targets } from '@unplugin-onnx/build'
import type { Manifest, Variant } from '@unplugin-onnx/runtime'
import { targetUnknown } from '../../errors'

/** A way to open a variant, and the targets that open it so. */
export interface Way extends ComparedIn {
  readonly targets: readonly string[]
}

/** What a conversion says of a variant that it wrote. */
export interface Written {
  readonly ways: readonly Way[]
  readonly verifiedOn: Manifest['verifiedOn']['source']
}

/**
 * Reads the manifest.json beside a variant; undefined where there is none, or it is of another file.
 * @param target of the conversion's; by default all that took this file
 * @throws OnnxError ONNX_OPTION_UNKNOWN for a target that didn't
 */
export async function writtenBeside(
  variant: string,
  target: string | undefined,
): Promise<Written | undefined> {
  const manifest = await readManifest(join(dirname(variant), 'manifest.json'))
  const named = manifest?.variants.filter(({ file }) => file === basename(variant)) ?? []
  // Another file of the same name is none of the conversion's.
  const hash = named.length === 0 ? undefined : await hashOf(variant)
  const variants = named.filter(({ sha256 }) => sha256 === hash)
  if (manifest === undefined || variants.length === 0) {
    if (target !== undefined) throw targetUnknown(printable(basename(variant)), target, [])
    return undefined
  }
  const taken = target === undefined ? variants : variants.filter((each) => each.target === target)
  if (target !== undefined && taken.length === 0)
    throw targetUnknown(
      printable(basename(variant)),
      target,
      variants.map((each) => each.target),
    )
  const ways = new Map<string, Way>()
  for (const each of taken) {
    const { session, target: name } = each
    const engine = engineOf(each)
    const key = `${engine} ${JSON.stringify(session)}`
    const before = ways.get(key)?.targets ?? []
    ways.set(key, { engine, targets: [...new Set([...before, name])], ...(session && { session }) })
  }
  return { ways: [...ways.values()], verifiedOn: manifest.verifiedOn.source }
}

/** The target's, as the registry has it; of one that isn't there any more, the one for its provider. */
const engineOf = ({ target, provider }: Variant): EngineName =>
  targets.get(target)?.engine ?? (provider === 'cpu' ? 'node' : 'wasm')

async function readManifest(file: string): Promise<Manifest | undefined> {
  try {
    const manifest = JSON.parse(await readFile(file, 'utf8')) as Partial<Manifest> | null
    return manifest?.version === 1 && Array.isArray(manifest.variants) ? (manifest as Manifest) : undefined
  } catch {
    return undefined
  }
}

const hashOf = async (file: string): Promise<string | undefined> => {
  const bytes = await readFile(file).catch(() => undefined)
  return bytes && createHash('sha256').update(bytes).digest('hex')
}
