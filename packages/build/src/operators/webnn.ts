import type { OperatorTable } from './table'

/** What onnxruntime-web's WebNN provider hands on to the browser, as far as that can be said of all devices. */
export const webnn: OperatorTable = {
  source:
    'docs/webnn-operators.md of onnxruntime-web 1.30 and onnxruntime/core/providers/webnn, read and not measured',
  rules: [],
}
