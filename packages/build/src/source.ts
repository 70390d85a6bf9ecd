import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { errors } from './errors'
import { resolveExternal } from './external'
import { type HashedFile, hashFile } from './hash'

export interface ExternalSource extends HashedFile {
  readonly location: string
}

/**
 * Stats and hashes a model file without looking into it.
 * @throws OnnxError ONNX_MODEL_NOT_FOUND, ONNX_MODEL_NOT_A_FILE, ONNX_MODEL_UNREADABLE
 */
export async function hashModel(path: string, model: string): Promise<HashedFile> {
  try {
    if (!(await stat(path)).isFile()) throw errors.modelNotAFile(model)
    return await hashFile(path)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (code === 'ENOENT' || code === 'ENOTDIR') throw errors.modelNotFound(model)
    if (code.startsWith('ONNX_')) throw cause
    throw errors.modelUnreadable(model, cause)
  }
}

/** Resolves, stats and hashes external data, one file after the other: they are the big ones. */
export async function hashExternal(
  modelPath: string,
  model: string,
  locations: readonly string[],
): Promise<ExternalSource[]> {
  const hashed: ExternalSource[] = []
  for (const location of [...locations].sort()) {
    const path = resolveExternal(modelPath, model, location)
    if (!(await stat(path)).isFile()) throw errors.externalNotAFile(model, location)
    hashed.push({ location, ...(await hashModel(path, model)) })
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
