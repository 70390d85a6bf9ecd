import { errors } from '@unplugin-onnx/build/browser'
import { OnnxError } from '@unplugin-onnx/core'

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
    const reason = cause instanceof Error ? cause.message : String(cause)
    const error = cause instanceof OnnxError ? cause : errors.pageFailed(model, reason)
    const { code, problem: message, cure } = error
    return { ok: false, problem: { code, message, cure, ...(error.model && { model: error.model }) } }
  }
}
