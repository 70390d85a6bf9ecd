/**
 * Every model of the ONNX operator corpus computes the same after upgrade-opset as before: those below opset 21 as they
 * are, and all once more as if they were of the older opsets in which their operators had other versions, where the
 * engine takes them for that.
 */
import { readFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { corpusFolder, onnxCorpus } from '../../../scripts/onnx-corpus.mjs'
import { applyPasses, encodeModel, type Model, readModel } from '../src/index'
import { difference, expectedData, type Feeds, inputData, runOn } from './corpus-data'

const engines = ['wasm', 'node'] as const
const files = onnxCorpus()
const nameOf = (file: string) => relative(corpusFolder, file.endsWith('model.onnx') ? dirname(file) : file)

/** @returns undefined where the engine refuses the model */
async function attempt(engine: 'wasm' | 'node', bytes: Uint8Array, feeds: Feeds): Promise<Feeds | undefined> {
  return await runOn(engine, bytes, feeds).catch(() => undefined)
}

async function upgraded(model: Model): Promise<Uint8Array | string> {
  const [result] = await applyPasses(model, [{ pass: 'upgrade-opset' }])
  if (result!.changed === 0) return [...new Set(result!.skipped.map(({ reason }) => reason))].join('; ')
  return encodeModel(model)
}

/** @returns 'same', or what is noteworthy */
async function outcome(file: string): Promise<string> {
  const source = readFileSync(file)
  const model = readModel(source)
  const opset = model.opset()
  if (opset === 0 || opset >= 21) return 'stays'
  const result = await upgraded(model)
  if (typeof result === 'string') return `refused: ${result}`
  expect(readModel(result).opset()).toBe(21)
  const feeds = inputData(file, model)
  if (feeds === undefined) return 'has inputs that JavaScript can not make'
  for (const engine of engines) {
    const before = await attempt(engine, source, feeds)
    if (before === undefined) continue
    const after = await runOn(engine, result, feeds)
    return difference(after, before, 1e-5) ?? 'same'
  }
  const expected = expectedData(file, model)
  for (const engine of engines) {
    const after = await attempt(engine, result, feeds)
    if (after === undefined || expected === undefined) continue
    return (
      difference(after, expected, 1e-3) ??
      'is refused by both engines before, and gives what the corpus expects after'
    )
  }
  return 'is refused by both engines, before and after'
}

describe('upgrade-opset on the ONNX operator corpus', () => {
  it('keeps what every model below opset 21 computes, or says why it leaves it', async () => {
    const outcomes = new Map<string, string[]>()
    for (const file of files) {
      const result = await outcome(file)
      outcomes.set(result, [...(outcomes.get(result) ?? []), nameOf(file)])
    }
    const counts = [...outcomes].map(([result, names]) => `${names.length} ${result}`)
    const notes = [...outcomes].flatMap(([result, names]) =>
      /^(same|stays|refused: opset)/.test(result) ? [] : [`\n${result}`, ...names.map((name) => `  ${name}`)],
    )
    const report = `${[...counts.sort(), ...notes].join('\n')}\n`
    await expect(report).toMatchFileSnapshot('golden/passes/upgrade-opset-corpus.txt')
  })
})
