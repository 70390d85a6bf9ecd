import type { DeviceFeature } from '@unplugin-onnx/runtime'

/**
 * What becomes of an operator on a provider: `right` results, `refused` when the session is created or run, computed on the
 * `cpu` with copies there and back, or `wrong` results.
 */
export type Outcome = 'right' | 'refused' | 'cpu' | 'wrong'

/** A number that is divided by another, or lies in a range (both ends included). */
export interface NumberTest {
  readonly multipleOf?: number
  readonly notMultipleOf?: number
  readonly from?: number
  readonly to?: number
}

export type Fact = string | number | boolean

/** What a fact must be: this, one of these, or a number of this kind. A fact that isn't known is none of them. */
export type Test = Fact | readonly Fact[] | NumberTest

/** Facts of a node, see factsOf, and what they must be; all of them. */
export type Conditions = Readonly<Record<string, Test>>

/** One entry of a table: an operator, in the forms that the conditions describe, and what becomes of it. */
export interface OperatorRule {
  /** Name, with the domain before a dot where it isn't ONNX's own: `com.microsoft.MatMulNBits`. `*` is any. */
  readonly operator: string | readonly string[]
  readonly when?: Conditions
  readonly outcome: Outcome
  /** Counts only for devices that lack this. */
  readonly without?: DeviceFeature
  /** For all but `right`: what the provider does with it, for the report. */
  readonly reason?: string
}

/** What an execution provider makes of operators. Plain data, and as such part of the key of every conversion. */
export interface OperatorTable {
  /** Where the entries come from: what was measured, or read, in which version. */
  readonly source: string
  /** The first entry that fits a node decides; a node that none fits runs. */
  readonly rules: readonly OperatorRule[]
}

/** The name that rules know a node by. */
export const operatorName = ({
  domain,
  opType,
}: {
  readonly domain: string
  readonly opType: string
}): string => (domain === '' ? opType : `${domain}.${opType}`)

export type Facts = Readonly<Record<string, Fact | undefined>>

/** The entry that decides about a node. */
export function ruleFor(
  { rules }: OperatorTable,
  operator: string,
  facts: Facts,
  features: readonly DeviceFeature[],
): OperatorRule | undefined {
  return rules.find(
    (rule) =>
      names(rule).some((name) => name === operator || name === '*') &&
      !(rule.without !== undefined && features.includes(rule.without)) &&
      Object.entries(rule.when ?? {}).every(([name, test]) => holds(facts[name], test)),
  )
}

/** The operators that a rule is about. */
export const names = ({ operator }: OperatorRule): readonly string[] =>
  typeof operator === 'string' ? [operator] : operator

function holds(fact: Fact | undefined, test: Test): boolean {
  if (fact === undefined) return false
  if (Array.isArray(test)) return test.includes(fact)
  if (typeof test !== 'object') return fact === test
  const { multipleOf, notMultipleOf, from, to } = test as NumberTest
  return (
    typeof fact === 'number' &&
    (multipleOf === undefined || fact % multipleOf === 0) &&
    (notMultipleOf === undefined || fact % notMultipleOf !== 0) &&
    (from === undefined || fact >= from) &&
    (to === undefined || fact <= to)
  )
}
