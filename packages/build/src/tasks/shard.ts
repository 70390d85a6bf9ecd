import { renameSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ExternalLocation,
  readModel,
  shardBytes,
  shardsOf,
  type Tensor,
  writeModel,
} from '@unplugin-onnx/core'
import type { Shard } from '@unplugin-onnx/runtime'
import { sha256 } from '../hash'
import { onDisk, readWork } from '../work-files'
import type { Sharded, VerifiedFile } from './task'
import { writeChunks } from './write-chunks'

/** Of a sha256: enough to tell files apart, and short enough for a name that every tensor has. */
const nameDigits = 16

/** Cuts a variant into a file without weights and shards, which are named by their content. */
export function shard({ file }: VerifiedFile, maxBytes: number, work: string): Sharded {
  const model = readModel(readWork(join(work, file)))
  const places = new Map<Tensor, ExternalLocation>()
  const shards = new Map<string, Shard>()
  for (const group of shardsOf(model, sha256, maxBytes)) {
    const temporary = join(work, `${file}.shard`)
    const written = writeChunks(temporary, shardBytes(group))
    const name = written.sha256.slice(0, nameDigits)
    // Not `.onnx`, and the ending that bundlers have a rule for.
    const made = { path: `${name}.data`, file: `${name}.onnxv`, ...written }
    onDisk(() => renameSync(temporary, join(work, made.file)))
    shards.set(name, made)
    for (const { tensor, offset } of group.tensors)
      places.set(tensor, { location: made.path, offset, length: tensor.byteLength })
  }
  if (shards.size === 0) return { ok: false, reason: 'its weights are no initializers of the main graph' }
  const graph = file.replace(/\.onnxv$/, '.graph.onnxv')
  const { sha256: hash } = writeChunks(join(work, graph), writeModel(model, { places }))
  return { ok: true, file: graph, sha256: hash, shards: [...shards.values()] }
}
