/** Every form of an operator that passes write, in the engines that users run, held against the operator tables. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  cpuOperators,
  type OperatorTable,
  type Outcome,
  wasmOperators,
  webgpuOperators,
  webnnOperators,
} from '@unplugin-onnx/build'
import { beforeAll, describe, expect, it } from 'vitest'
import { blockProbes } from './operators/blocks'
import { convProbes } from './operators/convolutions'
import { dequantizeProbes } from './operators/dequantize'
import { runInChromium, runInNode, runInWasm } from './operators/engines'
import { integerProbes } from './operators/integers'
import { sourceProbes } from './operators/sources'
import { disagreements, flipped, outcomeOf } from './operators/verdict'

const probes = [...dequantizeProbes, ...integerProbes, ...blockProbes, ...convProbes, ...sourceProbes]

/** What was seen, by engine and probe. */
const seen: Record<'wasm' | 'node' | 'webgpu', Map<string, Outcome>> = {
  wasm: new Map(),
  node: new Map(),
  webgpu: new Map(),
}

beforeAll(async () => {
  const wasm = await runInWasm(probes)
  const runs = { wasm, node: await runInNode(probes), webgpu: await runInChromium(probes) }
  for (const [engine, observations] of Object.entries(runs)) {
    for (const { name, wanted = wasm.get(name)?.values ?? [] } of probes)
      seen[engine as keyof typeof seen].set(name, outcomeOf(observations.get(name) ?? {}, wanted))
  }
}, 600_000)

const tables: readonly (readonly [keyof typeof seen, OperatorTable])[] = [
  ['wasm', wasmOperators],
  ['node', cpuOperators],
  ['webgpu', webgpuOperators],
]

describe.each(tables)('the operator table for %s', (engine, table) => {
  it('says what the engine does with every form', () => {
    expect(disagreements(table, probes, seen[engine])).toEqual([])
  })

  it.each([...flipped(table)])('is found out if it were turned round: $entry', ({ table }) => {
    expect(disagreements(table, probes, seen[engine])).not.toEqual([])
  })
})

describe('the operator table for WebNN', () => {
  /** Operators of ONNX and com.microsoft in the list that comes with onnxruntime-web. */
  function documented(): string[] {
    const dist = dirname(
      createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'),
    )
    const text = readFileSync(join(dist, '../docs/webnn-operators.md'), 'utf8')
    return [...text.matchAll(/^\| (\w+)\s*\| ([^|]*ai\.onnx[^|]*|com[^|]*)\|/gm)].flatMap(
      ([, name = '', domains = '']) => [
        ...(domains.includes('ai.onnx') ? [name] : []),
        ...(domains.includes('com.microsoft') ? [`com.microsoft.${name}`] : []),
      ],
    )
  }

  it('holds the operators that onnxruntime-web documents, and no others', () => {
    const held = webnnOperators.rules
      .filter(({ outcome }) => outcome === 'right')
      .flatMap(({ operator }) => operator)
    expect([...new Set(held)].sort()).toEqual([...new Set(documented())].sort())
  })
})
