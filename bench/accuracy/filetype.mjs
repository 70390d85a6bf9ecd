/** Kinds of files by magika: share of files whose kind is the extension's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readNpz, rows } from './npz.mjs'
import { best } from './trained.mjs'

const data = fileURLToPath(new URL('data/', import.meta.url))
const json = (name) => JSON.parse(readFileSync(join(data, name), 'utf8'))

/** The first and the last 1,024 bytes of each file; 256 stands for none. */
function* bytesOf(npz) {
  const { bytes } = readNpz(join(data, npz))
  for (let file = 0; file < bytes.dims[0]; file++) {
    const { data: values, dims } = rows(bytes, file, 1)
    yield { bytes: { type: 'int32', data: Int32Array.from(values), dims } }
  }
}

/** 112 other files, of 56 kinds. */
export const otherFiles = () => bytesOf('filetype.calibration.npz')

export async function scoreFiles(session) {
  const labels = json('filetype.labels.json')
  const { label } = json('filetype.json')
  let file = 0
  let right = 0
  for (const feeds of bytesOf('filetype.npz')) {
    const { data: scores } = (await session.run(feeds))[session.outputs[0]]
    if (labels[best(scores)] === label[file++]) right++
  }
  return right / file
}
