import { closeSync } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { checkModelBytes, OnnxError } from '@unplugin-onnx/core/catalog'
import { errors } from './errors'
import { openExternal } from './external'
import { type HashedFile, hashOpen } from './hash'
import type { InputLimits } from './limits'
import { NotAFile, openRegular } from './open-file'
import { printable } from './printable'

export interface ExternalSource extends HashedFile {
  readonly location: string
}

/**
 * Stats and hashes a model file without looking into it.
 * @throws OnnxError ONNX_MODEL_NOT_FOUND, ONNX_MODEL_NOT_A_FILE, ONNX_MODEL_UNREADABLE, ONNX_LIMIT_EXCEEDED
 */
export async function hashModel(
  path: string,
  model: string,
  limits?: Partial<InputLimits>,
): Promise<HashedFile> {
  try {
    const opened = openRegular(path)
    try {
      checkModelBytes(opened.stats.size, limits)
    } catch (cause) {
      closeSync(opened.descriptor)
      throw cause
    }
    return await hashOpen({ ...opened, path })
  } catch (cause) {
    throw fileError(cause, model)
  }
}

/** What went wrong with a model's file. */
export function fileError(cause: unknown, model: string): OnnxError {
  if (cause instanceof OnnxError) return cause.about(printable(model))
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (code === 'ENOENT' || code === 'ENOTDIR') return errors.modelNotFound(model)
  // A socket has no open at all, and Windows opens no folder.
  if (cause instanceof NotAFile || code === 'ENXIO' || code === 'EISDIR') return errors.modelNotAFile(model)
  return errors.modelUnreadable(model, cause)
}

/** Resolves, stats and hashes external data, one file after the other: they are the big ones. */
export async function hashExternal(
  modelPath: string,
  model: string,
  locations: readonly string[],
): Promise<ExternalSource[]> {
  const hashed: ExternalSource[] = []
  for (const location of [...locations].sort()) {
    hashed.push({ location, ...(await hashOpen(openExternal(modelPath, model, location))) })
  }
  return hashed
}

/** Whether all files are still what was hashed; size and time of change stand in for the content. */
export async function unchanged(files: readonly HashedFile[]): Promise<boolean> {
  for (const file of files) {
    const now = await stat(file.path).catch(() => undefined)
    if (now === undefined || now.size !== file.bytes || now.mtimeMs !== file.mtimeMs) return false
  }
  return true
}

export const absolute = (root: string, file: string): string =>
  isAbsolute(file) ? file : resolve(root, file)

/** Two paths of one file are one file. */
export const real = (path: string): Promise<string> => realpath(path).catch(() => path)
