import { readFileSync, statSync } from 'node:fs'
import { onnxCorpus } from '../../scripts/onnx-corpus.mjs'

/** Larger ones say nothing that smaller ones don't, and take longer. */
const largest = 2048

/** Small models of the ONNX operator corpus, one of each folder. */
export function corpusSeeds() {
  const byKind = new Map()
  for (const file of onnxCorpus()) {
    if (statSync(file).size > largest) continue
    const kind = file.split(/[/\\]/).slice(-2, -1)[0]
    if (!byKind.has(kind)) byKind.set(kind, readFileSync(file))
  }
  return [...byKind.values()]
}
