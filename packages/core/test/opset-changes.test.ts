import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { knownOperators } from '../src/passes/opset/operators'
import { opsetRules } from '../src/passes/opset/rules'

/** By the schemas of ONNX: what opset-changes.py beside it printed. */
const changes = readFileSync(join(import.meta.dirname, 'fixtures/opset-changes.txt'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => /^(\w+) (\d+)(?: \| ([^+]*))?/.exec(line)!)
  .map(([, operator = '', version, broken]) => ({ operator, version: Number(version), broken }))

const rules = new Set(opsetRules.map(({ operator, at }) => `${operator} ${at}`))

describe('the rules of upgrade-opset', () => {
  it('know every operator of ONNX that changed between opset 8 and 21', () => {
    expect(changes.length).toBeGreaterThan(200)
    expect(changes.filter(({ operator }) => !knownOperators.has(operator))).toEqual([])
  })

  it('have one for every change that takes an attribute, an input, an output, a type or the operator away', () => {
    const broken = changes.filter((change) => change.broken !== undefined)
    expect(broken.length).toBe(30)
    // An Upsample of opset 10 can't be: it becomes a Resize there or in 11.
    expect(broken.filter(({ operator, version }) => !rules.has(`${operator} ${version}`))).toEqual([])
  })

  it('have none for a version that changed nothing', () => {
    const known = new Set(changes.map(({ operator, version }) => `${operator} ${version}`))
    const ours = new Set([
      'Upsample 11',
      ...[...rules].filter((rule) => /^(Affine|Crop|ImageScaler|Param|Scale)/.test(rule)),
    ])
    expect([...rules].filter((rule) => !known.has(rule) && !ours.has(rule))).toEqual([])
  })
})
