import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { ExternalFiles, openExternal } from '../src/external'

/** What happens between the check of a path and its use: nothing, unless a test says so. */
let meanwhile: (path: string) => void = () => {}
let opened: () => void = () => {}
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  return {
    ...fs,
    openSync(...args: Parameters<typeof fs.openSync>) {
      meanwhile(String(args[0]))
      const descriptor = fs.openSync(...args)
      opened()
      opened = () => {}
      return descriptor
    },
  }
})

const root = mkdtempSync(join(tmpdir(), 'external-'))
afterAll(() => rmSync(root, { recursive: true }))
const folder = join(root, 'models')
mkdirSync(join(folder, 'sub'), { recursive: true })
mkdirSync(join(root, 'secrets'))
writeFileSync(join(root, 'secrets', 'key'), 'a secret')
writeFileSync(join(root, 'secrets', 'weights.bin'), 'a secret')
writeFileSync(join(folder, 'm.onnx'), '')
writeFileSync(join(folder, 'weights.bin'), '0123456789')
writeFileSync(join(folder, 'sub', 'weights.bin'), '0123456789')
symlinkSync(join(root, 'secrets', 'key'), join(folder, 'link'))
symlinkSync(join(root, 'secrets'), join(folder, 'linked-folder'))
symlinkSync('weights.bin', join(folder, 'inner-link'))
const model = join(folder, 'm.onnx')

/** Its real path; nothing stays open. */
function pathOf(location: string, of = model): string {
  const { descriptor, path } = openExternal(of, 'm.onnx', location)
  closeSync(descriptor)
  return path
}

const codeOf = (location: string, of = model): unknown => {
  try {
    return pathOf(location, of)
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('external data', () => {
  it('is found beside the model, in folders below it and through links that stay inside', () => {
    for (const location of [
      'weights.bin',
      './weights.bin',
      'sub/weights.bin',
      'sub\\weights.bin',
      'inner-link',
    ]) {
      expect(pathOf(location)).toMatch(/weights\.bin$/)
    }
  })

  it('never leaves the folder of the model', () => {
    const hostile = [
      '../secrets/key',
      'sub/../weights.bin',
      'sub/../../secrets/key',
      'sub\\..\\..\\secrets\\key',
      'sub/..\\../secrets/key',
      './../secrets/key',
      '..\\secrets\\key',
      join(root, 'secrets', 'key'),
      '/etc/passwd',
      '//etc/passwd',
      '\\etc\\passwd',
      '\\\\server\\share\\key',
      '\\\\?\\C:\\key',
      '\\\\.\\pipe\\key',
      '//server/share/key',
      'C:\\key',
      'C:/key',
      'c:key',
      'weights.bin\0.txt',
      '\0',
      'link',
      'linked-folder/key',
      'linked-folder/../weights.bin',
      '..',
      '',
      '.',
      './',
    ]
    for (const location of hostile)
      expect([location, codeOf(location)]).toEqual([location, 'ONNX_EXTERNAL_DATA_ESCAPES'])
  })

  it('is a file of that name where only a decoder would see a way out', () => {
    for (const location of [
      '%2e%2e/secrets/key',
      '..%2fsecrets%2fkey',
      '．．/secrets/key',
      '~/key',
      '$HOME/key',
    ])
      expect([location, codeOf(location)]).toEqual([location, 'ONNX_EXTERNAL_DATA_MISSING'])
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
    expect(pathOf('m.onnx_data', join(snapshot, 'm.onnx'))).toMatch(/b2$/)
  })

  it('is no other name of a file that may lie anywhere, but in packages, which are linked out of stores', () => {
    linkSync(join(root, 'secrets', 'key'), join(folder, 'hard-link'))
    expect(codeOf('hard-link')).toBe('ONNX_EXTERNAL_DATA_LINKED')
    const inPackage = join(root, 'node_modules', 'models')
    mkdirSync(inPackage, { recursive: true })
    writeFileSync(join(inPackage, 'm.onnx'), '')
    linkSync(join(folder, 'sub', 'weights.bin'), join(inPackage, 'weights.bin'))
    expect(codeOf('weights.bin', join(inPackage, 'm.onnx'))).toMatch(/weights\.bin$/)
    rmSync(join(inPackage, 'weights.bin'))
    rmSync(join(folder, 'hard-link'))
  })

  it('is reported when it is missing, with its name made printable', () => {
    expect(() => pathOf('gone\u001b[31m.bin')).toThrow('gone\\x1b[31m.bin')
    expect(codeOf('gone')).toBe('ONNX_EXTERNAL_DATA_MISSING')
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

  it.skipIf(process.platform === 'win32')('is no pipe, socket or device, and waits for none', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const server = createServer().listen(join(folder, 'socket'))
    await new Promise((done) => server.once('listening', done))
    for (const location of ['pipe', 'socket'])
      expect([location, codeOf(location)]).toEqual([location, 'ONNX_EXTERNAL_DATA_NOT_A_FILE'])
    server.close()
    // Where the tests may make one; a link to another is a way out.
    if (spawnSync('mknod', [join(folder, 'zero'), 'c', '1', '5']).status === 0)
      expect(codeOf('zero')).toMatch(/^ONNX_EXTERNAL_DATA_NOT_A_FILE$|^ONNX_MODEL_UNREADABLE$/)
    symlinkSync('/dev/zero', join(folder, 'device'))
    expect(codeOf('device')).toBe('ONNX_EXTERNAL_DATA_ESCAPES')
  })
})

describe.skipIf(process.platform === 'win32')('what changes between the check and the use', () => {
  /** Done once, when the data is about to be opened; undone by the test. */
  const swap = (change: () => void) => {
    meanwhile = (path) => {
      if (!path.endsWith('weights.bin')) return
      meanwhile = () => {}
      change()
    }
  }
  const place = (name: string) => {
    const made = join(root, name)
    mkdirSync(join(made, 'data'), { recursive: true })
    writeFileSync(join(made, 'm.onnx'), '')
    writeFileSync(join(made, 'data', 'weights.bin'), '0123456789')
    return made
  }

  it('is not followed where the file becomes a link', () => {
    const made = place('swapped-file')
    swap(() => {
      rmSync(join(made, 'data', 'weights.bin'))
      symlinkSync(join(root, 'secrets', 'key'), join(made, 'data', 'weights.bin'))
    })
    expect(codeOf('data/weights.bin', join(made, 'm.onnx'))).toBe('ONNX_EXTERNAL_DATA_ESCAPES')
  })

  it('is seen where a folder above it becomes a link', () => {
    const made = place('swapped-folder')
    swap(() => {
      renameSync(join(made, 'data'), join(made, 'aside'))
      symlinkSync(join(root, 'secrets'), join(made, 'data'))
    })
    expect(codeOf('data/weights.bin', join(made, 'm.onnx'))).toBe('ONNX_EXTERNAL_DATA_ESCAPES')
  })

  it('is seen where another file was in its place for the moment of the open', () => {
    const made = place('swapped-twice')
    const data = join(made, 'data')
    swap(() => {
      renameSync(data, join(made, 'aside'))
      symlinkSync(join(root, 'secrets'), data)
      // Back again when it is open: the path is right then, and what is open is not what it leads to.
      opened = () => {
        rmSync(data)
        renameSync(join(made, 'aside'), data)
      }
    })
    expect(codeOf('data/weights.bin', join(made, 'm.onnx'))).toBe('ONNX_EXTERNAL_DATA_ESCAPES')
    expect(readFileSync(join(data, 'weights.bin'), 'utf8')).toBe('0123456789')
  })

  it('changes nothing about what is open', () => {
    const made = place('kept-open')
    const files = new ExternalFiles(join(made, 'm.onnx'), 'm.onnx')
    const file = files.reader('data/weights.bin')
    rmSync(join(made, 'data'), { recursive: true })
    symlinkSync(join(root, 'secrets'), join(made, 'data'))
    expect(Buffer.from(files.reader('data/weights.bin').read(0, 10)).toString()).toBe('0123456789')
    expect(file.byteLength).toBe(10)
    files.close()
  })
})
