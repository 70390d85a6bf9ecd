import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Tensor } from 'unplugin-onnx/runtime'
import diabetes from '../model/diabetes.onnx'
import { features, readPatients } from './patients'
import { meanAbsoluteError, r2 } from './score'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '8' },
    source: { type: 'boolean', default: false },
  },
})

const file = positionals[0] ?? new URL('../data/patients.csv', import.meta.url)
const patients = readPatients(await readFile(file, 'utf8'))
const count = patients.progress.length

const opened = performance.now()
const session = await diabetes.open()
const started = performance.now()
const { y } = await session.run({ x: new Tensor('float32', patients.features, [count, features.length]) })
const done = performance.now()
const predicted = y.data
const { target, provider, recipe, bytes } = session.variant
await session.dispose()
const source = values.source
  ? await (await import('./compare')).predictWithSource(patients.features)
  : undefined

const result = {
  rows: count,
  r2: r2(predicted, patients.progress),
  meanAbsoluteError: meanAbsoluteError(predicted, patients.progress),
  ...(source && { source: { r2: r2(source, patients.progress) } }),
  model: { target, provider, recipe, bytes },
  milliseconds: { load: started - opened, run: done - started },
}

if (values.json) {
  console.log(JSON.stringify({ ...result, predicted: Array.from(predicted) }))
} else {
  console.log(' row   predicted   truth')
  for (let row = 0; row < Math.min(Number(values.rows), count); row++) {
    const [guess = 0, truth = 0] = [predicted[row], patients.progress[row]]
    console.log(
      `${String(row + 1).padStart(4)}   ${guess.toFixed(1).padStart(9)}   ${truth.toFixed(0).padStart(5)}`,
    )
  }
  console.log(`
${count} rows: r² ${result.r2.toFixed(4)}, mean absolute error ${result.meanAbsoluteError.toFixed(1)}
${recipe} for ${target} (${provider}), ${bytes} bytes; loaded in ${result.milliseconds.load.toFixed(0)} ms, ran in ${result.milliseconds.run.toFixed(1)} ms`)
  if (result.source) console.log(`source model: r² ${result.source.r2.toFixed(4)}`)
}
