import { readFileSync } from 'node:fs'
import { basename, isAbsolute, relative, sep } from 'node:path'
import { passVersions, recipes } from '@unplugin-onnx/core/catalog'
import type { CalibrationData } from './calibration'
import type { EnginePackage } from './engine-package'
import { errors } from './errors'
import type { EvaluationModule } from './evaluation'
import { canonical, type HashedFile, sha256 } from './hash'
import type { NormalizedOptions } from './options'
import { absolute, type ExternalSource, hashModel } from './source'
import type { EngineName, Target } from './targets'

/** All that decides about a conversion's result: hashed, but not parsed. */
export interface Request {
  /** The model as messages name it. */
  readonly name: string
  readonly model: HashedFile
  readonly external: readonly ExternalSource[]
  readonly calibration: CalibrationData | null
  readonly evaluation: (HashedFile & EvaluationModule) | null
  readonly options: NormalizedOptions
  readonly targets: readonly Target[]
  readonly engines: ReadonlyMap<EngineName, EnginePackage>
}

/** Files whose change wants a new conversion. */
export const filesOf = ({ model, external, calibration, evaluation }: Request): HashedFile[] => [
  model,
  ...external,
  ...(calibration?.files ?? []),
  ...(evaluation ? [evaluation] : []),
]

/** @throws OnnxError ONNX_EVALUATION_NOT_FOUND */
export async function hashEvaluation(root: string, evaluate: string | undefined, model: string) {
  if (evaluate === undefined) return null
  try {
    return { ...(await hashModel(absolute(root, evaluate), model)), name: evaluate }
  } catch {
    throw errors.evaluationNotFound(model, evaluate)
  }
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Everything that the result depends on, and nothing else: the same content under another name has the same key. */
export function keyOf({
  model,
  external,
  calibration,
  evaluation,
  options,
  targets,
  engines,
}: Request): string {
  const { calibration: _path, strict: _, task, ...rest } = options
  return sha256(
    canonical({
      engine: version,
      model: model.sha256,
      external: external.map((each) => [each.location, each.sha256]),
      calibration: calibration && [calibration.sha256, calibration.options],
      evaluation: evaluation && [evaluation.sha256, task?.maxDrop, task?.relative],
      options: rest,
      targets,
      passes: passVersions,
      recipes: [...recipes],
      onnxruntime: [...engines.values()].map((each) => [each.name, each.version]),
    }),
  )
}

/** Relative to the root where the file is inside, else its bare name: nothing of the machine's paths is shown or kept. */
export function displayName(root: string, file: string): string {
  const path = relative(root, absolute(root, file))
  return path.startsWith('..') || isAbsolute(path) ? basename(file) : path.split(sep).join('/')
}
