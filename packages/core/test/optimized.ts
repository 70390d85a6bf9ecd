/** What onnxruntime makes of a model when it loads it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { readModel } from '../src/index'

/** How often each operator is in the graph that onnxruntime-node would run. */
export async function optimizedOperators(bytes: Uint8Array): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'optimized-'))
  const file = join(folder, 'optimized.onnx')
  try {
    const session = await ort.InferenceSession.create(bytes, {
      graphOptimizationLevel: 'extended',
      optimizedModelFilePath: file,
      logSeverityLevel: 3,
    })
    await session.release()
    const counts: Record<string, number> = {}
    for (const { opType } of readModel(readFileSync(file)).nodes()) counts[opType] = (counts[opType] ?? 0) + 1
    return counts
  } finally {
    rmSync(folder, { recursive: true })
  }
}
