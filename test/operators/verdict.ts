/** Holds what engines did against what a table says of them. */
import {
  type Conditions,
  type Fact,
  type OperatorRule,
  type OperatorTable,
  type Outcome,
  unsupported,
} from '@unplugin-onnx/build'
import { readModel } from '@unplugin-onnx/core'
import type { Observation } from './engines'
import type { Probe } from './probe'

/** Error over signal that float16 and the rounding of integers explain. */
const tolerance = 5e-3

/** What became of a probe in an engine. */
export function outcomeOf({ error, cpu, values = [] }: Observation, wanted: readonly number[]): Outcome {
  if (error !== undefined) return 'refused'
  if (values.length !== wanted.length) return 'wrong'
  const noise = Math.hypot(...wanted.map((value, index) => value - (values[index] as number)))
  const signal = Math.hypot(...wanted) || 1
  if (!(noise / signal < tolerance)) return 'wrong'
  return cpu ? 'cpu' : 'right'
}

const severity: readonly Outcome[] = ['right', 'cpu', 'wrong', 'refused']

/** What a table says of a probe: the worst of its nodes. */
function predicted({ bytes }: Probe, operators: OperatorTable): Outcome {
  const outcomes = unsupported(readModel(bytes), { operators }).map(({ outcome }) => outcome)
  return outcomes.reduce<Outcome>(
    (worst, each) => (severity.indexOf(each) > severity.indexOf(worst) ? each : worst),
    'right',
  )
}

/** Probes of which a table says something else than what was seen, as sentences. */
export function disagreements(
  table: OperatorTable,
  probes: readonly Probe[],
  seen: ReadonlyMap<string, Outcome>,
): string[] {
  return probes.flatMap((probe) => {
    const said = predicted(probe, table)
    const is = seen.get(probe.name)
    return said === is ? [] : [`${probe.name}: the table says ${said}, the engine ${is}`]
  })
}

/** The same table with one entry turned round: for each operator of each rule, and each of the values that it lists. */
export function* flipped({
  rules,
  ...table
}: OperatorTable): Generator<{ entry: string; table: OperatorTable }> {
  for (const [index, rule] of rules.entries()) {
    for (const operator of typeof rule.operator === 'string' ? [rule.operator] : rule.operator) {
      for (const when of singled(rule.when ?? {})) {
        const outcome: Outcome = rule.outcome === 'right' ? 'refused' : 'right'
        const turned: OperatorRule = { ...rule, operator, when, outcome }
        const entry = `${operator} ${JSON.stringify(when)} ${rule.outcome}`
        yield { entry, table: { ...table, rules: [...rules.slice(0, index), turned, ...rules.slice(index)] } }
      }
    }
  }
}

/** Conditions with one value in the place of a list. */
function singled(when: Conditions): Conditions[] {
  const list = Object.entries(when).find(([, test]) => Array.isArray(test))
  if (list === undefined) return [when]
  const [name, values] = list as [string, readonly Fact[]]
  return values.flatMap((value) => singled({ ...when, [name]: value }))
}
