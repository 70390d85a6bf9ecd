import { type ExternalReader, type Model, readModel } from '@unplugin-onnx/core'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { errors } from '../errors'
import { readExternalFile } from '../external'
import { sha256 } from '../hash'
import { printable } from '../printable'
import { readBytes } from '../read-bytes'
import type { ModelFile } from './task'

/**
 * Opens the source as it is, with its external data.
 * @throws OnnxError ONNX_MODEL_CHANGING; Error of onnxruntime where it refuses the model
 */
export async function openSource(model: ModelFile, engine: EnginePackage): Promise<EngineSession> {
  const bytes = readBytes(model.path)
  if (sha256(bytes) !== model.sha256) throw errors.modelChanging(model.name)
  const external = model.external.map((location) => ({
    path: location,
    data: readExternalFile(model.path, model.name, location),
  }))
  return openModel(engine, bytes, external)
}

/** Reads the source's graph, within its limits. */
export const parseSource = (
  { name, limits = {} }: Pick<ModelFile, 'name' | 'limits'>,
  bytes: Uint8Array,
  external: ExternalReader,
): Model => readModel(bytes, { external, name: printable(name), limits })
