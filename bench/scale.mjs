/**
 * Many models on many machines: `unplugin-onnx convert --shard k/n` on 1, 2, 4 and 8 processes against one real cache
 * server, each process with an empty cache and one core, as far as there are cores; then one more machine that reads it all.
 * Exits with 1 where anything was converted twice, or the last one had to convert.
 *
 * A machine starts anew each time: what that takes counts for much where conversions are as quick as these. With --effort
 * default they take as long as most.
 *
 *   node bench/scale.mjs [--models 200] [--machines 1,2,4,8] [--effort fast|default|thorough]
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encodeModel, Model, Tensor } from '@unplugin-onnx/core'
import { remoteEnvironment, startCacheServer } from './cache-server.mjs'
import { cli } from './child.mjs'

const { values } = parseArgs({
  options: {
    models: { type: 'string' },
    machines: { type: 'string' },
    effort: { type: 'string', default: 'fast' },
  },
})
const models = Number(values.models ?? 200)
const counts = (values.machines ?? '1,2,4,8').split(',').map(Number)
const targets = ['wasm', 'webgpu', 'portable']
const cores = availableParallelism()
const width = 48

const config = `export default {
  targets: ${JSON.stringify(targets)},
  effort: ${JSON.stringify(values.effort)},
  prefer: 'size',
  logLevel: 'warn',
  // On one machine the server has to share the cores with all of its clients.
  cache: { remote: { timeout: 30_000 } },
  ${values.effort === 'fast' ? "models: { '**/*.onnx': { recipes: ['int8', 'float16'] } }," : ''}
}
`
const type = { kind: 'tensor', dataType: 'float32', shape: [1, width] }

/** Two layers with weights of their own. */
function modelOf(seed) {
  const model = Model.create({ opsetImports: { '': 17 }, inputs: { x: type } })
  const { graph } = model
  const weight = (name, shift) => {
    const data = Float32Array.from(
      { length: width * width },
      (_, at) => Math.sin(at * (seed + 1.5) + shift) / 8,
    )
    return graph.addInitializer(
      name,
      Tensor.fromBytes('float32', [width, width], new Uint8Array(data.buffer)),
    )
  }
  const node = (opType, inputs, output) =>
    graph.addNode({ opType, inputs, outputs: [output], name: `${output}_node` }).outputs[0]
  const hidden = node('MatMul', [graph.find('x'), weight('first', 0)], 'hidden')
  const y = node('MatMul', [node('Relu', [hidden], 'relu'), weight('second', 1)], 'y')
  graph.addOutput(y, type)
  return encodeModel(model)
}

const scratch = mkdtempSync(join(tmpdir(), 'unplugin-onnx-scale-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
const project = join(scratch, 'project')
mkdirSync(join(project, 'models'), { recursive: true })
writeFileSync(join(project, 'onnx.config.mjs'), config)
for (let seed = 0; seed < models; seed++)
  writeFileSync(join(project, 'models', `model-${String(seed).padStart(3, '0')}.onnx`), modelOf(seed))
// Where a project has its packages.
symlinkSync(join(import.meta.dirname, 'node_modules'), join(project, 'node_modules'))

const server = await startCacheServer(join(scratch, 'store'))

/** Converts a shard on a machine with an empty cache. CPU seconds are those of all its processes. */
function machine(name, shard, core, environment) {
  const convert = [process.execPath, cli, 'convert', 'models/*.onnx', '--json', '--shard', shard]
  const command = [...convert, '--cache-dir', join(scratch, 'caches', name)]
  const start = performance.now()
  // One core each, so that one machine is not as fast as two.
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core % cores)]
  const child = spawn('bash', ['-c', 'TIMEFORMAT="cpu %U %S"; time "$@"', 'bash', ...pinned, ...command], {
    cwd: project,
    env: { ...process.env, NODE_PATH: '', ...environment },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${name}: exit code ${code}\n${err}`))
      const [, user, system] = /cpu ([\d.]+) ([\d.]+)/.exec(err)
      const seconds = (performance.now() - start) / 1000
      resolve({ seconds, cpu: Number(user) + Number(system), ...JSON.parse(out) })
    })
  })
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`
const against = (value, one) => `${value.toFixed(1)} s (${(value / one).toFixed(2)})`
console.log(`${models} models x ${targets.length} targets, ${cores} cores; in brackets: of one process\n`)
console.log(
  '| processes | makespan | longest CPU time of one | pairs | conversions | twice | uploaded | read by the build: seconds, conversions, fetched |',
)
console.log('|---|---|---|---|---|---|---|---|')
let one
for (const count of counts) {
  const team = `machines-${count}`
  const start = performance.now()
  const shards = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      machine(
        `${count}-${index}`,
        `${index + 1}/${count}`,
        index,
        remoteEnvironment(server.url, team, false),
      ),
    ),
  )
  const makespan = (performance.now() - start) / 1000
  const longest = Math.max(...shards.map(({ cpu }) => cpu))
  one ??= { makespan, longest }
  const pairs = shards.flatMap((shard) =>
    shard.models.flatMap((each) => each.targets.map((target) => `${each.model} ${target}`)),
  )
  const made = shards.flatMap((shard) =>
    shard.models.flatMap(({ conversions }) => conversions.filter(({ cached }) => !cached)),
  )
  // Whoever converts a pair twice does so under the same key, or the pair is in two shards.
  const twice = made.length - new Set(made.map(({ key }) => key)).size + pairs.length - new Set(pairs).size
  const build = await machine(`build-${count}`, '1/1', undefined, remoteEnvironment(server.url, team, true))
  const read = build.models.flatMap(({ conversions }) => conversions)
  const converted = read.filter(({ cached }) => !cached).length
  const uploaded = sum(shards.map(({ remote }) => remote.uploadedBytes))
  console.log(
    `| ${count} | ${against(makespan, one.makespan)} | ${against(longest, one.longest)} | ${pairs.length} | ${made.length} | ${twice} | ${megabytes(uploaded)} | ${build.seconds.toFixed(1)} s, ${converted}, ${megabytes(build.remote.fetchedBytes)} |`,
  )
  if (twice > 0 || converted > 0 || pairs.length !== models * targets.length || read.length !== models)
    process.exitCode = 1
  rmSync(join(scratch, 'caches'), { recursive: true, force: true })
}
server.end()
