import type { OperatorTable } from './table'

/** What onnxruntime-web's WebGPU provider does with the operators that passes write, and where it is known to err. */
export const webgpu: OperatorTable = {
  source: 'onnxruntime-web 1.30 in Chromium, measured by test/operators.test.ts',
  rules: [
    {
      operator: '*',
      when: { half: true },
      without: 'shader-f16',
      outcome: 'refused',
      reason: 'it computes in float16, for which this needs a device with shader-f16',
    },
    {
      operator: [
        'DynamicQuantizeLinear',
        'QuantizeLinear',
        'MatMulInteger',
        'ConvInteger',
        'QLinearConv',
        'QLinearMatMul',
      ],
      outcome: 'cpu',
    },
  ],
}
