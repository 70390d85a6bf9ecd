import { readFile, writeFile } from 'node:fs/promises'
import { putWhole, typesFor } from '@unplugin-onnx/build/plugin'
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
  await putWhole(file, (temporary) => writeFile(temporary, text, { flag: 'wx' })).catch(() => {})
}
