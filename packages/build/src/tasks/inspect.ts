import { readModel } from '@unplugin-onnx/core'
import { errors } from '../errors'
import { ExternalFiles } from '../external'
import { sha256 } from '../hash'
import { printable } from '../printable'
import { readBytes } from '../read-bytes'
import { inspectModel } from './inspect-model'
import type { Inspection, ModelFile } from './task'

export function inspect({
  path,
  name,
  sha256: expected,
}: Pick<ModelFile, 'path' | 'name' | 'sha256'>): Inspection {
  const bytes = readBytes(path)
  if (sha256(bytes) !== expected) throw errors.modelChanging(name)
  const files = new ExternalFiles(path, name)
  try {
    return inspectModel(readModel(bytes, { external: files.reader, name: printable(name) }))
  } finally {
    files.close()
  }
}
