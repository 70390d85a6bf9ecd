import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ExternalFiles, resolveExternal } from '../src/external'

const root = mkdtempSync(join(tmpdir(), 'external-'))
afterAll(() => rmSync(root, { recursive: true }))
const folder = join(root, 'models')
mkdirSync(join(folder, 'sub'), { recursive: true })
mkdirSync(join(root, 'secrets'))
writeFileSync(join(root, 'secrets', 'key'), 'secret')
writeFileSync(join(folder, 'm.onnx'), '')
writeFileSync(join(folder, 'weights.bin'), '0123456789')
writeFileSync(join(folder, 'sub', 'weights.bin'), '0123456789')
symlinkSync(join(root, 'secrets', 'key'), join(folder, 'link'))
symlinkSync(join(root, 'secrets'), join(folder, 'linked-folder'))
symlinkSync('weights.bin', join(folder, 'inner-link'))
const model = join(folder, 'm.onnx')

describe('external data', () => {
  it('is found beside the model, in folders below it and through links that stay inside', () => {
    for (const location of [
      'weights.bin',
      './weights.bin',
      'sub/weights.bin',
      'sub\\weights.bin',
      'inner-link',
    ]) {
      expect(resolveExternal(model, 'm.onnx', location)).toMatch(/weights\.bin$/)
    }
  })

  it('never leaves the folder of the model', () => {
    const hostile = [
      '../secrets/key',
      'sub/../weights.bin',
      'sub/../../secrets/key',
      'sub\\..\\..\\secrets\\key',
      join(root, 'secrets', 'key'),
      '/etc/passwd',
      '\\\\server\\share\\key',
      '//server/share/key',
      'C:\\key',
      'c:key',
      'weights.bin\0.txt',
      'link',
      'linked-folder/key',
      '..',
      '',
      '.',
    ]
    for (const location of hostile) {
      expect(() => resolveExternal(model, 'm.onnx', location), JSON.stringify(location)).toThrow(
        expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_ESCAPES' }),
      )
    }
  })

  it('may lie in the store that both model and data are links into', () => {
    const store = join(root, 'blobs')
    const snapshot = join(root, 'snapshot')
    mkdirSync(store)
    mkdirSync(snapshot)
    writeFileSync(join(store, 'a1'), '')
    writeFileSync(join(store, 'b2'), '')
    symlinkSync(join(store, 'a1'), join(snapshot, 'm.onnx'))
    symlinkSync(join(store, 'b2'), join(snapshot, 'm.onnx_data'))
    expect(resolveExternal(join(snapshot, 'm.onnx'), 'm.onnx', 'm.onnx_data')).toMatch(/b2$/)
  })

  it('is reported when it is missing, with its name made printable', () => {
    expect(() => resolveExternal(model, 'm.onnx', 'gone\u001b[31m.bin')).toThrow('gone\\x1b[31m.bin')
    expect(() => resolveExternal(model, 'm.onnx', 'gone')).toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_MISSING' }),
    )
  })

  it('is read in ranges, and only from regular files', () => {
    const files = new ExternalFiles(model, 'm.onnx')
    const file = files.reader('weights.bin')
    expect(file.byteLength).toBe(10)
    expect(Buffer.from(file.read(3, 4)).toString()).toBe('3456')
    expect(() => file.read(8, 4)).toThrow('ends at byte 10')
    expect(() => files.reader('sub')).toThrow(
      expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA_NOT_A_FILE' }),
    )
    files.close()
  })
})
