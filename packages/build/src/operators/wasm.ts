import { nativeRules } from './native'
import type { OperatorTable } from './table'

/** What onnxruntime-web's WebAssembly provider does with the operators that passes write. */
export const wasm: OperatorTable = {
  source: 'onnxruntime-web 1.30 in Node, measured by test/operators.test.ts',
  rules: nativeRules,
}
