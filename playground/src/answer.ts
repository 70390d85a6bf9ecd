import { OnnxError } from '@unplugin-onnx/core/catalog'
import { errors } from './errors'

/** An error as the page shows it. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly cure: string
  readonly model?: string
}

/** Errors lose their class on the way out of a worker: they travel as data. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem }

/** @param model its name, for what is no error of ours: memory that ran out, mostly */
export async function answering<T>(model: string, action: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await action() }
  } catch (cause) {
    return { ok: false, problem: problemOf(cause instanceof OnnxError ? cause : errors.failed(model, cause)) }
  }
}

export const problemOf = ({ code, problem, cure, model }: OnnxError): Problem => ({
  code,
  message: problem,
  cure,
  ...(model !== undefined && { model }),
})
