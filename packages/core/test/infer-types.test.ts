import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import * as node from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { corpusFolder, onnxCorpus } from '../../../scripts/onnx-corpus.mjs'
import { encodeModel, type Graph, type Model, readModel, type Value, type ValueType } from '../src/index'
import { inferTypes, inferValueTypes } from '../src/passes/types/infer'
import { packageModels } from './models'
import { trainedFolder } from './real-feeds'

const allGraphs = (model: Model): Graph[] => {
  const graphs = [...model.graphs()]
  for (const { body } of model.functions) {
    const stack = [body]
    for (let graph = stack.pop(); graph !== undefined; graph = stack.pop()) {
      graphs.push(graph)
      stack.push(...graph.nodes.flatMap((each) => each.subgraphs()))
    }
  }
  return graphs
}

const madeByNodes = (model: Model): Value[] =>
  allGraphs(model).flatMap((graph) =>
    graph.nodes.flatMap(({ outputs }) => outputs.filter((value) => value !== undefined)),
  )

const shapeless = (type: ValueType | undefined): unknown =>
  JSON.parse(
    JSON.stringify(type ?? null, (key, value) =>
      key === 'shape' || key === 'denotation' ? undefined : value,
    ),
  )

describe('inferTypes', () => {
  it('gives what the 1,914 models of the ONNX operator corpus declare, by their operators alone', () => {
    const wrong: string[] = []
    let compared = 0
    const files = onnxCorpus()
    for (const file of files) {
      const model = readModel(readFileSync(file))
      const values = madeByNodes(model)
      const declared = values.map(({ type }) => type)
      for (const value of values) if (value.type !== undefined) value.type = undefined
      const types = inferValueTypes(model)
      for (const [index, value] of values.entries()) {
        const expected = shapeless(declared[index])
        if (expected === null) continue
        compared++
        const found = shapeless(types.get(value))
        if (JSON.stringify(found) !== JSON.stringify(expected))
          wrong.push(
            `${relative(corpusFolder, file)} ${value.producer?.domain} ${value.producer?.opType} ${value.name}: ${JSON.stringify(found)} for ${JSON.stringify(expected)}`,
          )
      }
    }
    expect(wrong).toEqual([])
    expect([files.length, compared > 2000]).toEqual([1914, true])
  })

  const trained = readdirSync(trainedFolder)
    .filter((file) => file.endsWith('.onnx'))
    .map((file) => join(trainedFolder, file))

  it.each([...trained, ...packageModels].map((file) => [basename(file), file]))(
    'knows every value of %s, and says what onnxruntime says of those in the main graph',
    async (_, file) => {
      const model = readModel(readFileSync(file), {
        external: (location) => {
          const bytes = readFileSync(join(dirname(file), location))
          return { byteLength: bytes.length, read: (at, length) => bytes.subarray(at, at + length) }
        },
      })
      const types = inferTypes(model)
      const made = madeByNodes(model)
      expect(made.filter((value) => types.get(value) === undefined).map(({ name }) => name)).toEqual([])
      const inMain = made.filter((value) => value.graph === model.graph)
      const copy = readModel(encodeModel(model))
      for (const value of inMain) if (!value.isOutput) copy.graph.addOutput(copy.graph.find(value.name)!)
      const session = await node.InferenceSession.create(encodeModel(copy), {
        graphOptimizationLevel: 'disabled',
      })
      const reported = new Map(
        session.outputMetadata.map((each) => [each.name, each.isTensor ? each.type : undefined]),
      )
      await session.release()
      for (const value of inMain)
        expect([value.name, types.get(value)]).toEqual([value.name, reported.get(value.name)])
    },
  )
})
