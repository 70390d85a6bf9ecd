import { type ExternalReader, type Model, readModel } from '@unplugin-onnx/core'
import { type EngineSession, openModel } from '../engine'
import type { EnginePackage } from '../engine-package'
import { printable } from '../printable'
import type { ModelFile } from './task'
import type { Workbench } from './workbench'

/**
 * Opens the source as it is, with its external data.
 * @throws OnnxError ONNX_MODEL_CHANGING; Error of onnxruntime where it refuses the model
 */
export async function openSource(work: Workbench, engine: EnginePackage): Promise<EngineSession> {
  const source = work.openSource()
  try {
    return await openModel(engine, source.bytes, source.externalData())
  } finally {
    source.close()
  }
}

/** Reads the source's graph, within its limits. */
export const parseSource = (
  { name, limits = {} }: Pick<ModelFile, 'name' | 'limits'>,
  bytes: Uint8Array,
  external: ExternalReader,
): Model => readModel(bytes, { external, name: printable(name), limits })
