/**
 * Every model of the ONNX operator corpus computes the same after upgrade-opset as before: those below opset 21 as they
 * are, and all once more as if they were of the older opsets in which their operators had other versions, where the
 * engine takes them for that.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { corpusFolder, onnxCorpus } from '../../../scripts/onnx-corpus.mjs'
import { applyPasses, encodeModel, type Model, readModel } from '../src/index'
import { difference, expectedData, type Feeds, inputData, isLight, runOn } from './corpus-data'

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
  // Large ones in the faster engine.
  for (const engine of isLight(file) ? (['node'] as const) : engines) {
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

/** Versions of each operator from 8 to 21. */
const versions = new Map<string, number[]>()
for (const line of readFileSync(join(import.meta.dirname, 'fixtures/opset-changes.txt'), 'utf8')
  .trim()
  .split('\n')) {
  const [operator = '', version] = line.split(' ')
  versions.set(operator, [...(versions.get(operator) ?? []), Number(version)])
}

/** The last opsets before one of the model's operators changed. */
function olderOpsets(model: Model): number[] {
  const operators = new Set([...model.nodes()].map(({ opType }) => opType))
  const before = [...operators]
    .flatMap((operator) => versions.get(operator) ?? [])
    .map((version) => version - 1)
  return [...new Set(before)].filter((opset) => opset !== model.opset()).sort((a, b) => a - b)
}

/** @returns what is noteworthy, by opset; undefined where the engine doesn't take the model for one of that opset */
async function asOlder(file: string, opset: number): Promise<string | undefined> {
  const model = readModel(readFileSync(file))
  const feeds = isLight(file) ? undefined : inputData(file, model)
  if (feeds === undefined) return undefined
  model.opsetImports.set('', opset)
  const source = encodeModel(model)
  const before = await attempt('wasm', source, feeds)
  if (before === undefined) return undefined
  const result = await upgraded(model)
  if (typeof result === 'string') return `refused: ${result}`
  const after = await runOn('wasm', result, feeds).catch((error: Error) => error.message)
  if (typeof after === 'string') return after
  return difference(after, before, 1e-5) ?? 'same'
}

// About 25 s of processor time, and a busy machine gives less.
describe('upgrade-opset on the ONNX operator corpus', { timeout: 400_000 }, () => {
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

  it('keeps what they compute as models of older opsets', async () => {
    const noteworthy: string[] = []
    const crossed = new Set<string>()
    let same = 0
    for (const file of files) {
      const model = readModel(readFileSync(file))
      for (const opset of olderOpsets(model)) {
        const result = await asOlder(file, opset)
        if (result === undefined) continue
        if (result !== 'same') noteworthy.push(`${nameOf(file)} as of opset ${opset}: ${result}`)
        else same++
        for (const { opType } of model.nodes())
          for (const version of versions.get(opType) ?? [])
            if (version > opset) crossed.add(`${opType} ${version}`)
      }
    }
    expect(noteworthy).toEqual([])
    expect(same).toBeGreaterThan(2300)
    // What no model can be relabelled for has a case among opset-cases, or is in a model above as it is.
    const all = [...versions].flatMap(([operator, each]) => each.map((version) => `${operator} ${version}`))
    const open = `${all.filter((change) => !crossed.has(change)).join('\n')}\n`
    await expect(open).toMatchFileSnapshot('golden/passes/upgrade-opset-uncrossed.txt')
  })
})
