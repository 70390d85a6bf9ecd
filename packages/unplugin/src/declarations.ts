import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { typesFor } from '@unplugin-onnx/build/plugin'
import type { Manifest } from '@unplugin-onnx/runtime'
import { runtimeId } from './module/ids'

/**
 * Writes `det.d.onnx.ts` beside `det.onnx`, unless it says the same already: editors and watchers see every write.
 * Packages are not touched, and a folder that can't be written to is no error: only types are missing.
 */
export async function writeDeclaration(model: string, manifest: Manifest): Promise<void> {
  if (/[\\/]node_modules[\\/]/.test(model)) return
  const file = model.replace(/\.onnx$/, '.d.onnx.ts')
  const text = typesFor(manifest, runtimeId)
  const current = await readFile(file, 'utf8').catch(() => undefined)
  if (current === text) return
  const temporary = `${file}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFile(temporary, text, { flag: 'wx' })
    await rename(temporary, file)
  } catch {
    await rm(temporary, { force: true }).catch(() => {})
  }
}
