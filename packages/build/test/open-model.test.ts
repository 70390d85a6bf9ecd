import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeModel, readModel } from '@unplugin-onnx/core'
import { afterAll, describe, expect, it } from 'vitest'
import { writeTransformer } from '../../../test/synthetic-transformer.mjs'
import { openModelFile } from '../src/open-model'
import { skim } from '../src/skim'

const folder = mkdtempSync(join(tmpdir(), 'open-model-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a large file', () => {
  const path = join(folder, 'small.onnx')
  const { bytes: size } = writeTransformer(path, { bytes: 4e7, width: 512 })
  const whole = readFileSync(path)

  it('is opened without its weights and written back to the same bytes', () => {
    const opened = openModelFile(path, 'small.onnx')
    try {
      expect(opened.byteLength).toBe(size)
      expect(opened.bytes.length).toBeLessThan(50_000)
      const model = readModel(opened.bytes, { external: opened.external })
      const expected = readModel(whole)
      // Changed, lest the whole one is copied as it lies.
      for (const { graph } of [model, expected]) graph.nodes[0]!.docString = 'changed'
      expect(Buffer.from(encodeModel(model)).equals(Buffer.from(encodeModel(expected)))).toBe(true)
    } finally {
      opened.close()
    }
  })

  it.each([
    ['cut off in a weight', whole.subarray(0, whole.length - 3_000_000)],
    ['no protobuf', Buffer.alloc(1 << 17, 0xff)],
    ['empty', Buffer.alloc(0)],
  ])('is left to whoever reads it as a whole if it is %s', (_, bytes) => {
    expect(skim((offset, length) => bytes.subarray(offset, offset + length), bytes.length)).toBeUndefined()
  })
})
