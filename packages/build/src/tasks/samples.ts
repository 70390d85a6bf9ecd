import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { Feeds } from '../arrays'
import type { EngineName } from '../targets'
import { onDisk } from '../work-files'

/** One run of the source: kept in a file, so that each candidate is verified in whatever process is free. */
export interface Sample {
  readonly feeds: Feeds
  readonly outputs: Feeds
}

/** What candidates of an engine are verified on, or what passes look at. */
export type SampleSet = EngineName | `observed.${EngineName}` | `resized.${EngineName}`

const fileOf = (work: string, set: SampleSet, index: number): string => join(work, `${set}.${index}.sample`)

export function saveSample(work: string, set: SampleSet, index: number, sample: Sample): void {
  onDisk(() => writeFileSync(fileOf(work, set, index), serialize(sample)))
}

export const loadSample = (work: string, set: SampleSet, index: number): Sample =>
  deserialize(onDisk(() => readFileSync(fileOf(work, set, index)))) as Sample
