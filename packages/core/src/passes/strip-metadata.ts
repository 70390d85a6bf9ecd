import type { Graph } from '../graph/graph'
import { globExpression } from './keep'
import { definePass } from './pass'

/** Domains whose operators onnxruntime infers types for. */
const inferred = new Set(['', 'ai.onnx.ml', 'com.microsoft'])

/**
 * Drops what no engine needs: doc strings of graphs and nodes, exporters' notes on nodes (PyTorch's dynamo exporter
 * leaves stack traces), and value_info, the recorded types of intermediates, which engines infer again. The model's own
 * doc string and metadata are its owner's and stay. A graph with operators of unknown domains keeps its value_info.
 */
export const stripMetadata = definePass({
  name: 'strip-metadata',
  version: 1,
  summary: "Drops doc strings, exporters' notes and recorded types that no engine needs.",
  source: 'onnx/onnx.proto, fields doc_string, metadata_props, value_info',
  options: {
    /** Keys of node and graph metadata to drop, `*` for any characters. */
    metadata: ['pkg.*', 'namespace'],
    docStrings: true,
    valueInfo: true,
  },
  describe: {
    metadata: 'keys of node and graph metadata to drop, * for any characters',
    docStrings: 'drop doc strings',
    valueInfo: 'drop value_info',
  },
  fidelity: 100,
  run(model, options) {
    const expressions = options.metadata.map(globExpression)
    const drops = (key: string) => expressions.some((expression) => expression.test(key))
    let changed = 0

    const clean = (graph: Graph) => {
      const strip = (holder: Pick<Graph, 'docString' | 'metadata' | 'setMetadata'>) => {
        if (options.docStrings && holder.docString !== '') {
          holder.docString = ''
          changed++
        }
        const entries = [...holder.metadata]
        const kept = entries.filter(([key]) => !drops(key))
        if (kept.length < entries.length) {
          holder.setMetadata(kept)
          changed++
        }
      }
      strip(graph)
      for (const node of graph.nodes) strip(node)
      if (options.valueInfo && graph.nodes.every(({ domain }) => inferred.has(domain)))
        changed += graph.clearValueInfo()
    }
    for (const graph of model.graphs()) clean(graph)
    return { changed, skipped: [] }
  },
})
