import { errors } from '../errors'
import { ExternalFiles } from '../external'
import { sha256 } from '../hash'
import { readBytes } from '../read-bytes'
import { inspectModel } from './inspect-model'
import { parseSource } from './open-source'
import type { Inspection, ModelFile } from './task'

export function inspect(source: Pick<ModelFile, 'path' | 'name' | 'sha256' | 'limits'>): Inspection {
  const { path, name, sha256: expected } = source
  const bytes = readBytes(path)
  if (sha256(bytes) !== expected) throw errors.modelChanging(name)
  const files = new ExternalFiles(path, name)
  try {
    return inspectModel(parseSource(source, bytes, files.reader))
  } finally {
    files.close()
  }
}
