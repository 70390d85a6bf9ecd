import { type Model, readModel } from '@unplugin-onnx/core'
import { printable } from '../printable'
import { inspectModel } from '../tasks/inspect-model'
import type { Inspection, ModelFile } from '../tasks/task'
import { type MemoryInputs, type OpenInputs, openInputs } from './inputs'
import { dataBeside, type MemoryModel, readerOf } from './memory-model'
import { runInMemory } from './run-in-memory'
import { sha256Of, type WorkInMemory, workInMemory } from './work-in-memory'

/** A model that is about to be worked on in a page. */
export interface OpenInMemory {
  readonly inspection: Inspection
  readonly file: ModelFile
  readonly totalBytes: number
  readonly inputs: OpenInputs | undefined
  readonly work: WorkInMemory
  readonly runner: ReturnType<typeof runInMemory>
  /** The model, read anew: passes change what they get. */
  read(): Model
}

/** @throws OnnxError as readModel does; ONNX_EXTERNAL_DATA_MISSING, ONNX_CALIBRATION_INVALID */
export async function openInMemory(model: MemoryModel, given?: MemoryInputs): Promise<OpenInMemory> {
  const { name, bytes } = model
  const read = () => readModel(bytes, { external: readerOf(model), name: printable(name) })
  const inspection = inspectModel(read())
  const { external } = inspection
  const beside = external.map((location) => dataBeside(model, location).length)
  const file = {
    path: `source of ${name}`,
    name,
    bytes: bytes.length,
    sha256: await sha256Of(bytes),
    external,
  }
  const inputs = given && openInputs(given, name)
  const work = workInMemory(model, external, inputs?.arrays)
  const totalBytes = beside.reduce((sum, size) => sum + size, bytes.length)
  const runner = runInMemory(work, { ...file, bytes: totalBytes })
  return { inspection, file, totalBytes, inputs, work, runner, read }
}
