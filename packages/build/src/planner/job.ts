import type { CalibrationData } from '../calibration'
import type { EnginePackage } from '../engine-package'
import type { EvaluationModule } from '../evaluation'
import type { NormalizedOptions } from '../options'
import type { EngineName, Target } from '../targets'
import type { ModelFile } from '../tasks/task'

/** Everything that one conversion depends on. */
export interface Job {
  readonly model: ModelFile
  /** Model and external data together. */
  readonly totalBytes: number
  readonly external: readonly {
    readonly location: string
    readonly path: string
    readonly bytes: number
    readonly sha256: string
  }[]
  readonly options: NormalizedOptions
  readonly targets: readonly Target[]
  /** The only one of the targets that a variant is made for: the others get theirs elsewhere. */
  readonly only?: string
  readonly engines: ReadonlyMap<EngineName, EnginePackage>
  readonly calibration: CalibrationData | null
  readonly evaluation: EvaluationModule | null
  /** Where files are written. */
  readonly work: string
}
