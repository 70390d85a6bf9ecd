import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { corpusFolder, onnxCorpus } from '../../../scripts/onnx-corpus.mjs'
import { encodeModel, readModel, writeModel } from '../src/index'
import { fixtureModels, packageModels, readDirty } from './models'
import { expectSameMeaning } from './oracle'

describe.each([...fixtureModels, ...packageModels].map((file) => [basename(file), file] as const))(
  '%s',
  (_, file) => {
    const bytes = readFileSync(file)

    it('is written back as one view of its own bytes when nothing was edited', () => {
      const chunks = [...writeModel(readModel(bytes), { external: 'keep' })]
      expect(chunks).toHaveLength(1)
      expect(chunks[0]?.buffer).toBe(bytes.buffer)
      expect(bytes.equals(chunks[0] as Uint8Array)).toBe(true)
    })

    it('means the same to protobufjs when every part of it is encoded anew', () => {
      expectSameMeaning(encodeModel(readDirty(bytes), { external: 'keep' }), bytes)
    })

    it('means the same after an edit of one node, and everything but that node keeps its bytes', () => {
      const model = readModel(bytes)
      const [node] = model.graph.nodes
      const { name } = node!
      node!.name = `${name}?`
      node!.name = name
      const written = Buffer.from(encodeModel(model, { external: 'keep' }))
      expectSameMeaning(written, bytes)
      for (const each of model.graph.nodes.slice(1)) {
        const { bytes: source, record, end } = each._message.span!
        expect(written.includes(Buffer.from(source.subarray(record, end)))).toBe(true)
      }
    })
  },
)

describe('the ONNX operator corpus', () => {
  const files = onnxCorpus()
  const name = (file: string) => file.slice(corpusFolder.length + 1)

  it('has its 1,914 models', () => {
    expect(files.length).toBe(1914)
  })

  it('is written back byte for byte when nothing was edited', () => {
    const changed = files.filter((file) => {
      const bytes = readFileSync(file)
      return !bytes.equals(encodeModel(readModel(bytes, { name: name(file) })))
    })
    expect(changed).toEqual([])
  })

  it('means the same to protobufjs when every part of it is encoded anew', () => {
    for (const file of files) {
      const bytes = readFileSync(file)
      expectSameMeaning(encodeModel(readDirty(bytes)), bytes)
    }
  })

  it('means the same when every attribute and type was set to what it was', () => {
    for (const file of files) {
      const bytes = readFileSync(file)
      const model = readModel(bytes)
      for (const graph of model.graphs()) {
        for (const node of graph.nodes)
          for (const each of node.attributes()) node.setAttribute(each.name, each)
        for (const value of graph.values()) {
          const { type } = value
          if (value._inputInfo ?? value._info) value.type = type
        }
      }
      expectSameMeaning(encodeModel(model), bytes)
    }
  })
})
