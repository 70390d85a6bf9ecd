import { pathToFileURL } from 'node:url'
import type { ValueSignature } from '@unplugin-onnx/runtime'
import type { DenseArray } from './arrays'

/** A user's module that scores models at their task, as the worker needs it. */
export interface EvaluationModule {
  readonly path: string
  /** As the user wrote it, for messages. */
  readonly name: string
  readonly sha256: string
}

/** What an evaluation is handed: source or variant, open in the engine that will run it. */
export interface EvaluatedModel {
  readonly inputs: readonly ValueSignature[]
  readonly outputs: readonly ValueSignature[]
  /**
   * Runs once.
   * @param feeds by input name `{ type, data, dims }`, an onnxruntime Tensor, or a typed array whose shape follows from the
   * input's own
   */
  run(feeds: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, DenseArray>>>
}

/** A score, or one that says that less is better, as an error rate is. */
export type Score = number | { readonly score: number; readonly lowerIsBetter?: boolean }

/** What the module's default export has to be. */
export type Evaluate = (model: EvaluatedModel) => Score | Promise<Score>

/**
 * Imports a user's module, TypeScript too. Workers outlive one conversion: the hash lets a changed module be imported afresh.
 * @param afresh whether the modules that it imports have to be as well
 */
export async function importModule(
  { path, sha256 }: Pick<EvaluationModule, 'path' | 'sha256'>,
  afresh = false,
): Promise<Record<string, unknown>> {
  if (!afresh && !/\.[cm]?ts$/i.test(path)) return import(`${pathToFileURL(path).href}?sha256=${sha256}`)
  const { createJiti } = await import('jiti')
  const jiti = createJiti(import.meta.url, { moduleCache: false, fsCache: false })
  if (afresh) {
    try {
      return jiti(path) as Record<string, unknown>
    } catch {
      // Only what awaits at its top level has to be imported, and Node keeps what that imports until the process ends.
    }
  }
  return jiti.import<Record<string, unknown>>(path)
}
