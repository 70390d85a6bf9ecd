import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Conversion } from '../converter'
import type { ReportData } from './data'

/** What is known about a conversion. Where its folder has no report any more, that is what its manifest says. */
export async function readReport({
  manifest,
  dir,
}: Pick<Conversion, 'manifest' | 'dir'>): Promise<ReportData> {
  const text = await readFile(join(dir, 'report.json'), 'utf8').catch(() => undefined)
  const known = text === undefined ? undefined : parsed(text)
  // The folder serves every path that holds this model; the conversion knows which one was asked for.
  if (known !== undefined) return { ...known, manifest }
  const { candidates } = manifest
  return { version: 1, manifest, budget: {}, prefer: 'balanced', effort: 'default', candidates, layers: [] }
}

function parsed(text: string): ReportData | undefined {
  try {
    const value = JSON.parse(text) as Partial<ReportData> | null
    return value?.version === 1 && Array.isArray(value.layers) && Array.isArray(value.candidates)
      ? (value as ReportData)
      : undefined
  } catch {
    return undefined
  }
}

/** The same report for variants that lie under other names. */
export function withFileNames(report: ReportData, nameOf: (file: string) => string): ReportData {
  const renamed = <T extends { readonly file: string }>(each: T): T => ({ ...each, file: nameOf(each.file) })
  return {
    ...report,
    manifest: { ...report.manifest, variants: report.manifest.variants.map(renamed) },
    layers: report.layers.map((layer) => ({ ...layer, variants: layer.variants.map(renamed) })),
  }
}
