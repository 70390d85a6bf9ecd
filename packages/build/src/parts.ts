import { constants } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CutOff, Manifest } from '@unplugin-onnx/runtime'
import type { Entry } from './cache'
import { canonical, sha256 } from './hash'
import type { ReportData, ReportLayer } from './report/data'
import { readReport } from './report/read'
import { filesOf } from './variant-files'

/** Key of what a conversion makes for one of its targets alone, as another machine does it. */
export const partKey = (key: string, target: string): string => sha256(canonical({ part: target, of: key }))

/**
 * Puts the parts of a conversion together, one for each of its targets in their order, and their files into one folder.
 * @returns undefined where two have different files of one name
 */
export async function joinParts(
  parts: readonly Entry[],
  folder: string,
): Promise<{ readonly manifest: Manifest; readonly report: ReportData } | undefined> {
  const [first] = parts
  if (first === undefined) return undefined
  const known = new Map<string, string>()
  for (const { dir, manifest } of parts) {
    for (const { file, sha256: content } of filesOf(manifest)) {
      if ((known.get(file) ?? content) !== content) return undefined
      if (!known.has(file)) await copyFile(join(dir, file), join(folder, file), constants.COPYFILE_FICLONE)
      known.set(file, content)
    }
  }
  const manifest = joinManifests(
    first.manifest,
    parts.map((part) => part.manifest),
  )
  const reports = await Promise.all(parts.map(readReport))
  const [report] = reports
  return (
    report && {
      manifest,
      report: {
        ...report,
        manifest,
        candidates: reports.flatMap(({ candidates }) => candidates),
        layers: joinLayers(reports.map(({ layers }) => layers)),
      },
    }
  )
}

function joinManifests(first: Manifest, all: readonly Manifest[]): Manifest {
  const distinct = (texts: readonly string[]) => [...new Set(texts)]
  const samples = all.map(({ verifiedOn }) => verifiedOn.samples).filter((count) => count > 0)
  const notes = distinct(all.flatMap(({ verifiedOn }) => verifiedOn.notes ?? []))
  const missed = all.flatMap((each) => each.missed ?? [])
  const { notes: _notes, ...verifiedOn } = first.verifiedOn
  const { missed: _missed, cutOff: _cutOff, ...rest } = first
  const cutOff = joinCutOffs(all.flatMap((each) => each.cutOff ?? []))
  return {
    ...rest,
    variants: all.flatMap(({ variants }) => variants),
    candidates: all.flatMap(({ candidates }) => candidates),
    verifiedOn: {
      ...verifiedOn,
      samples: samples.length === 0 ? 0 : Math.min(...samples),
      ...(notes.length > 0 && { notes }),
    },
    warnings: distinct(all.flatMap(({ warnings }) => warnings)),
    ...(missed.length > 0 && { missed }),
    ...(cutOff && { cutOff }),
  }
}

/** Whatever any of them came up against. */
function joinCutOffs(all: readonly CutOff[]): CutOff | undefined {
  if (all.length === 0) return undefined
  const least = (limits: readonly number[]) => (limits.length > 0 ? Math.min(...limits) : undefined)
  const conversionSeconds = least(all.flatMap((each) => each.conversionSeconds ?? []))
  const workerMemory = least(all.flatMap((each) => each.workerMemory ?? []))
  return {
    ...(conversionSeconds !== undefined && { conversionSeconds }),
    ...(workerMemory !== undefined && { workerMemory }),
    ...(all.some(({ killed }) => killed) && { killed: true }),
  }
}

/** Of each weight what became of it in all variants. */
function joinLayers(all: readonly (readonly ReportLayer[])[]): ReportLayer[] {
  const joined = new Map<string, ReportLayer>()
  for (const layer of all.flat()) {
    const id = JSON.stringify([layer.name, layer.node])
    const before = joined.get(id)
    const variants = [...(before?.variants ?? []), ...layer.variants]
    joined.set(id, {
      ...layer,
      ...before,
      variants: [...new Map(variants.map((each) => [each.file, each])).values()],
    })
  }
  return [...joined.values()]
}
