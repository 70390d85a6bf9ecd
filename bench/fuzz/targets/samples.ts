import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ZippableFile, zipSync } from 'fflate'
import { readNpy } from '../../../packages/build/src/calibration/npy'
import { openNpy, openNpz, type StoredArrays } from '../../../packages/build/src/calibration/numpy-file'
import { Scratch } from '../../../packages/build/src/calibration/on-disk'
import { readNpz } from '../../../packages/build/src/calibration/read-npz'
import { wavHeader, wavSamples } from '../../../packages/build/src/calibration/wav'
import { Choices } from '../choices'
import { assert, attempt, attemptAsync, isPlainError } from '../verdict'
import type { Target } from './target'

function npy(descr: string, shape: string, data: Uint8Array, order = 'False'): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(117)
  const head = Buffer.from(
    `\x93NUMPY\x01\x00${String.fromCharCode(header.length + 1, 0)}${header}\n`,
    'latin1',
  )
  return Uint8Array.from(Buffer.concat([head, data]))
}

const arrays = [
  npy('<f4', '(2, 2)', new Uint8Array(16)),
  npy('<i8', '(3,)', new Uint8Array(24)),
  npy('<U2', '(2,)', Buffer.from('a\0\0\0b\0\0\0c\0\0\0\0\0\0\0', 'latin1')),
  npy('|b1', '()', new Uint8Array(1)),
  npy('<f8', '(2, 3)', new Uint8Array(48), 'True'),
]

export const npyTarget: Target = {
  fuzz: (bytes) => void attempt(() => readNpy(bytes), isPlainError),
  share: 14,
  seeds: arrays,
}

/** Bytes as they are, or an archive of arrays whose bytes are changed here and there. */
function archive(bytes: Uint8Array): Uint8Array {
  const choices = new Choices(bytes)
  if (choices.byte() < 128) return bytes.subarray(1)
  const files = Array.from({ length: 1 + choices.below(3) }, (): [string, ZippableFile] => {
    const level = choices.one([0, 6] as const)
    return [`${choices.name()}.npy`, [choices.one(arrays), { level }]]
  })
  const zip = zipSync(Object.fromEntries(files), { mtime: '1980-01-02' })
  const changed = Uint8Array.from(zip)
  while (!choices.isEmpty) changed[(choices.byte() * 256 + choices.byte()) % changed.length] = choices.byte()
  return changed
}

/** Gone with the process; the readers want a path. */
let folder: string | undefined
function onDisk(name: string, bytes: Uint8Array): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'onnx-fuzz-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    folder = made
  }
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

async function readAll({ arrays: found, close }: StoredArrays): Promise<void> {
  try {
    for (const { dims, read } of found.values()) {
      const size = dims.reduce((product, dim) => product * dim, 1)
      const elements = await read(0, Math.min(size, 1000))
      assert(elements.length === Math.min(size, 1000), 'an array has other elements than its shape says')
    }
  } finally {
    await close()
  }
}

export const npzTarget: Target = {
  async fuzz(bytes) {
    const zip = archive(bytes)
    attempt(() => readNpz(zip), isPlainError)
    const path = onDisk('arrays.npz', zip)
    const scratch = new Scratch(folder)
    try {
      await attemptAsync(async () => readAll(await openNpz(path, scratch)), isPlainError)
      if (zip[0] === 0x93) await attemptAsync(async () => readAll(await openNpy(path)), isPlainError)
    } finally {
      await scratch.close()
    }
  },
  share: 1.5,
  seeds: [
    Uint8Array.of(0, ...zipSync({ 'x.npy': arrays[0] ?? new Uint8Array() }, { mtime: '1980-01-02' })),
    Uint8Array.of(
      0,
      ...zipSync({ 'x.npy': [arrays[1] ?? new Uint8Array(), { level: 0 }] }, { mtime: '1980-01-02' }),
    ),
    Uint8Array.of(200, 2, 1, 0, 1, 1, 0, 80, 7),
  ],
}

function wav(code: number, bits: number, channels: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(44 + data.length)
  const view = new DataView(bytes.buffer)
  bytes.set(Buffer.from('RIFF    WAVEfmt '), 0)
  view.setUint32(4, 36 + data.length, true)
  view.setUint32(16, 16, true)
  view.setUint16(20, code, true)
  view.setUint16(22, channels, true)
  view.setUint32(24, 16000, true)
  view.setUint32(28, (16000 * channels * bits) / 8, true)
  view.setUint16(32, (channels * bits) / 8, true)
  view.setUint16(34, bits, true)
  bytes.set(Buffer.from('data'), 36)
  view.setUint32(40, data.length, true)
  bytes.set(data, 44)
  return bytes
}

export const wavTarget: Target = {
  async fuzz(bytes) {
    const file = {
      size: bytes.length,
      async read(offset: number, length: number) {
        if (offset < 0 || length < 0 || offset + length > bytes.length)
          throw new Error('the file ends too early')
        return Uint8Array.from(bytes.subarray(offset, offset + length))
      },
    }
    await attemptAsync(async () => {
      const header = await wavHeader(file)
      const count = Math.min(header.frames, 1000)
      const samples = await wavSamples(file, header, header.frames - count, count)
      assert(samples.length === count, 'there are fewer samples than the header says')
    }, isPlainError)
  },
  share: 12,
  seeds: [
    wav(1, 16, 2, new Uint8Array(16)),
    wav(3, 32, 1, new Uint8Array(16)),
    wav(1, 24, 1, new Uint8Array(12)),
  ],
}
