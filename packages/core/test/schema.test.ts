import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import { attributeKinds } from '../src/graph/attribute'
import { dataTypes } from '../src/onnx/data-types'
import { messages } from '../src/onnx/schema'
import { onnxProto } from './oracle'

type Rows = Record<string, Record<string, readonly unknown[]>>

/** onnx-ml.proto as protobufjs parses it, in the shape of our table. */
function rowsOf(namespace: protobuf.NamespaceBase, prefix: string): Rows {
  const rows: Rows = {}
  for (const each of namespace.nestedArray) {
    if (!(each instanceof protobuf.Type)) continue
    const name = `${prefix}${each.name}`
    rows[name] = {}
    for (const field of each.fieldsArray) {
      field.resolve()
      const type =
        field.resolvedType instanceof protobuf.Enum
          ? 'int32'
          : (field.resolvedType?.fullName.replace(/^\.onnx\./, '').replaceAll('.', '_') ?? field.type)
      const label = field.repeated ? (field.packed ? 'packed' : 'repeated') : 'optional'
      const snake = field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      rows[name][snake] = [field.id, type, label, ...(field.partOf ? [field.partOf.name] : [])]
    }
    Object.assign(rows, rowsOf(each, `${name}_`))
  }
  return rows
}

const onnx = onnxProto.lookup('onnx') as protobuf.Namespace

describe('the schema', () => {
  it('has every message and field of onnx-ml.proto 1.22, with its number, type, label and oneof', () => {
    expect(messages).toEqual(rowsOf(onnx, ''))
  })

  it('has every data type of onnx-ml.proto 1.22 under its code', () => {
    const { values } = onnxProto.lookupEnum('onnx.TensorProto.DataType')
    const names = { FLOAT: 'float32', DOUBLE: 'float64' } as Record<string, string>
    const expected = Object.entries(values).map(([name, code]) => [names[name] ?? name.toLowerCase(), code])
    expect([...dataTypes.values()].map(({ name, code }) => [name, code])).toEqual(expected)
  })

  it('has every kind of attribute of onnx-ml.proto 1.22 under its code', () => {
    const { values } = onnxProto.lookupEnum('onnx.AttributeProto.AttributeType')
    const codes = Object.values(attributeKinds).map(([code]) => code)
    expect([0, ...codes].sort((a, b) => a - b)).toEqual(Object.values(values).sort((a, b) => a - b))
  })
})
