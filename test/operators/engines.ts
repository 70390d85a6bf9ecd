/** Runs probes in the engines that users run, and says what became of each. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as native from 'onnxruntime-node'
import * as web from 'onnxruntime-web'
import type { Page } from 'playwright-core'
import { launch } from '../harness/browser.mjs'
import { serve } from '../harness/server.mjs'
import type { Feed, Probe } from './probe'

/** What an engine did with a probe. */
export interface Observation {
  /** Its message, where it refused the model or failed to run it. */
  readonly error?: string
  /** Whether nodes went to the CPU. */
  readonly cpu?: boolean
  readonly values?: readonly number[]
}

type Runtime = typeof web | typeof native

const arrays = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const

function tensorOf(runtime: Runtime, { type, dims, data }: Feed) {
  const array = type === 'int64' ? BigInt64Array.from(data, BigInt) : arrays[type].from(data)
  return new runtime.Tensor(type as 'float32', array as Float32Array, dims)
}

async function runIn(runtime: Runtime, provider: string, { bytes, feeds }: Probe): Promise<Observation> {
  try {
    const session = await runtime.InferenceSession.create(bytes, {
      executionProviders: [provider],
      logSeverityLevel: 4,
    })
    try {
      const given = Object.entries(feeds).map(([name, feed]) => [name, tensorOf(runtime, feed)])
      const outputs = await session.run(Object.fromEntries(given))
      return { values: Array.from(Object.values(outputs)[0]?.data as Float32Array, Number) }
    } finally {
      await session.release()
    }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** Runs all probes in onnxruntime-web's WebAssembly build, in Node. */
export async function runInWasm(probes: readonly Probe[]): Promise<Map<string, Observation>> {
  web.env.wasm.numThreads = 1
  web.env.logLevel = 'fatal'
  return oneByOne(probes, (probe) => runIn(web, 'wasm', probe))
}

/** Runs all probes in onnxruntime-node. */
export async function runInNode(probes: readonly Probe[]): Promise<Map<string, Observation>> {
  return oneByOne(probes, (probe) => runIn(native, 'cpu', probe))
}

async function oneByOne(probes: readonly Probe[], run: (probe: Probe) => Promise<Observation>) {
  const observations = new Map<string, Observation>()
  for (const probe of probes) observations.set(probe.name, await run(probe))
  return observations
}

/** What the page below lays out. */
declare global {
  var observe: (index: number, provider: string) => Promise<Observation>
}

const page = `<!doctype html><meta charset="utf-8"><title>Operators</title>
<script type="module">
  import * as ort from '/ort/ort.webgpu.min.mjs'
  ort.env.wasm.wasmPaths = {
    wasm: location.origin + '/ort/ort-wasm-simd-threaded.asyncify.wasm',
    mjs: location.origin + '/ort/ort-wasm-simd-threaded.asyncify.mjs',
  }
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'fatal'
  const feeds = await (await fetch('/feeds.json')).json()
  const arrays = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array }
  const tensor = ({ type, dims, data }) =>
    new ort.Tensor(type, type === 'int64' ? BigInt64Array.from(data, BigInt) : arrays[type].from(data), dims)
  const open = (bytes, provider, extra) =>
    ort.InferenceSession.create(bytes, { executionProviders: [provider], logSeverityLevel: 4, ...(extra && { extra }) })
  globalThis.observe = async (index, provider) => {
    const bytes = new Uint8Array(await (await fetch('/' + index + '.probe')).arrayBuffer())
    let session
    let cpu = false
    try {
      try {
        session = await open(bytes, provider, { session: { disable_cpu_ep_fallback: '1' } })
      } catch (error) {
        session = await open(bytes, provider)
        cpu = String(error.message)
      }
      const given = Object.fromEntries(Object.entries(feeds[index]).map(([name, feed]) => [name, tensor(feed)]))
      const outputs = await session.run(given)
      return { cpu, values: Array.from(Object.values(outputs)[0].data, Number) }
    } catch (error) {
      return { error: String(error.message ?? error) }
    } finally {
      await session?.release().catch(() => {})
    }
  }
  globalThis.__result = 'ready'
</script>
`

/** Runs all probes in a Chromium, on a provider of onnxruntime-web's WebGPU build. */
export async function runInChromium(
  probes: readonly Probe[],
  provider = 'webgpu',
): Promise<Map<string, Observation>> {
  const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-operators-'))
  mkdirSync(folder, { recursive: true })
  const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))
  symlinkSync(dist, join(folder, 'ort'), 'junction')
  writeFileSync(join(folder, 'index.html'), page)
  writeFileSync(join(folder, 'feeds.json'), JSON.stringify(probes.map(({ feeds }) => feeds)))
  for (const [index, { bytes }] of probes.entries()) writeFileSync(join(folder, `${index}.probe`), bytes)
  const server = await serve(folder)
  const browser = await launch()
  const observations = new Map<string, Observation>()
  try {
    for (let next = 0; next < probes.length; ) {
      // An engine that crashed, or hangs, is of no further use: the probes behind go on in a new page.
      const visited = await browser.visit(server.url, {
        timeout: 600_000,
        after: async (page: Page) => {
          for (; next < probes.length; next++) {
            const index = next
            const name = (probes[index] as Probe).name
            const late = new Promise<Observation>((resolve) =>
              setTimeout(() => resolve({ error: 'it took over 20 s' }), 20_000).unref(),
            )
            const seen = await Promise.race([
              page.evaluate(([index, provider]) => globalThis.observe(index, provider), [
                index,
                provider,
              ] as const),
              late,
            ])
            observations.set(name, seen)
            if (/out of bounds|unreachable|over 20 s|Aborted/.test(seen.error ?? '')) {
              next++
              return
            }
          }
        },
      })
      if (visited.error !== undefined) throw new Error(String(visited.error))
    }
  } finally {
    await browser.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return observations
}
