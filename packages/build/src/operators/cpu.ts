import { nativeRules } from './native'
import type { OperatorTable } from './table'

/** What onnxruntime's CPU provider does with the operators that passes write. */
export const cpu: OperatorTable = {
  source: 'onnxruntime-node 1.30, measured by test/operators.test.ts',
  rules: nativeRules,
}
