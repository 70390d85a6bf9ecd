import type { OperatorRule } from './table'

/** What onnxruntime's CPU code does with the operators that passes write, compiled for the machine or for WebAssembly. */
export const nativeRules: readonly OperatorRule[] = [
  {
    operator: '*',
    when: { opset: { from: 27 } },
    outcome: 'refused',
    reason: 'onnxruntime 1.30 ends at opset 26',
  },
  { operator: '*', when: { sparse: true }, outcome: 'right' },
  {
    operator: 'DequantizeLinear',
    when: { input0: ['int8', 'uint8', 'int4', 'uint4', 'int2', 'uint2', 'int16', 'uint16', 'int32'] },
    outcome: 'right',
  },
  { operator: 'QuantizeLinear', when: { output0: ['int8', 'uint8', 'int16', 'uint16'] }, outcome: 'right' },
  { operator: ['DynamicQuantizeLinear', 'MatMulInteger'], outcome: 'right' },
  {
    operator: 'ConvInteger',
    when: { weightZeroPoint: 'axis' },
    outcome: 'refused',
    reason: 'it wants one zero point for the whole weight',
  },
  { operator: 'ConvInteger', outcome: 'right' },
  {
    operator: 'QLinearMatMul',
    when: { input0: 'int8', input3: 'uint8' },
    outcome: 'refused',
    reason: 'signed activations want signed weights',
  },
  {
    operator: 'QLinearConv',
    when: { input0: 'int8', input3: 'uint8' },
    outcome: 'refused',
    reason: 'signed activations want signed weights',
  },
  { operator: ['QLinearMatMul', 'QLinearConv'], outcome: 'right' },
  { operator: 'com.microsoft.MatMulNBits', when: { bits: [2, 4, 8] }, outcome: 'right' },
  { operator: 'com.microsoft.GatherBlockQuantized', when: { bits: [2, 4, 8] }, outcome: 'right' },
  { operator: 'Cast', when: { input0: 'float16', constant0: true }, outcome: 'right' },
  // In float32 inside, with casts around: float16's speed and overflow are not to be seen here.
  { operator: '*', when: { half: true }, outcome: 'right' },
  { operator: 'Conv', outcome: 'right' },
]
