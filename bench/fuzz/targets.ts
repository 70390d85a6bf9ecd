/** What is fuzzed: every reader of what comes from elsewhere. */
import { configTarget } from './targets/config'
import { manifestTarget } from './targets/manifest'
import { modelTarget, printerTarget, structureTarget, writerTarget } from './targets/models'
import { runtimeTarget } from './targets/runtime'
import { npyTarget, npzTarget, wavTarget } from './targets/samples'
import { skimTarget } from './targets/skim'
import type { Target } from './targets/target'

export { bounds } from './verdict'

export const targets: Readonly<Record<string, Target>> = {
  model: modelTarget,
  structure: structureTarget,
  printer: printerTarget,
  writer: writerTarget,
  skim: skimTarget,
  npy: npyTarget,
  npz: npzTarget,
  wav: wavTarget,
  config: configTarget,
  manifest: manifestTarget,
  runtime: runtimeTarget,
}
