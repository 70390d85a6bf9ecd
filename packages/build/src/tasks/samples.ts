import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { Feeds } from '../arrays'
import type { EngineName } from '../targets'

/** One run of the source: kept in a file, so that each candidate is verified in whatever process is free. */
export interface Sample {
  readonly feeds: Feeds
  readonly outputs: Feeds
}

const fileOf = (work: string, engine: EngineName, index: number): string =>
  join(work, `${engine}.${index}.sample`)

export function saveSample(work: string, engine: EngineName, index: number, sample: Sample): void {
  writeFileSync(fileOf(work, engine, index), serialize(sample))
}

export const loadSample = (work: string, engine: EngineName, index: number): Sample =>
  deserialize(readFileSync(fileOf(work, engine, index))) as Sample
