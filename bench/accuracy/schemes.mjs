/**
 * What is compared: each scheme's steps, the Python tools' columns that it is held against, and how much of a model's
 * score may be lost against them.
 */
import { recipes } from '@unplugin-onnx/core'

const cleaning = recipes.get('float32').slice(0, -1)
const strip = recipes.get('float32').at(-1)
const steps = (...passes) => [
  ...cleaning,
  ...passes.map(([pass, options]) => ({ pass, ...(options && { options }) })),
  strip,
]
const upgrade = ['upgrade-opset', { to: 21 }]
const float16 = ['float16', { mode: 'storage' }]
const weights = (options) => steps(upgrade, ['quantize-weights', options], float16)
const block = { bits: 4, granularity: 'block', blockSize: 32, symmetric: false }
const prune = (options) => steps(['prune-weights', options])

export const schemes = {
  float32: { steps: recipes.get('float32') },
  float16: { steps: recipes.get('float16'), peers: 'float16' },
  'float16-compute': { steps: steps(upgrade, ['float16', { mode: 'compute' }]), peers: 'float16' },
  int8: { steps: recipes.get('int8'), peers: 'int8' },
  'int8-power-of-two': { steps: weights({ scale: 'power-of-two' }), peers: 'power-of-two' },
  'int8-dynamic': { steps: recipes.get('int8-dynamic'), peers: 'dynamic' },
  'int8-static': { steps: recipes.get('int8-static'), peers: 'static' },
  int4: { steps: recipes.get('int4'), peers: 'int4' },
  ...Object.fromEntries(
    ['rtn', 'mse', 'k-quant', 'hqq', 'awq', 'gptq'].map((method) => [
      `int4-${method}`,
      { steps: weights({ ...block, method }) },
    ]),
  ),
  prune50: { steps: prune({ amount: 0.5 }), peers: 'prune50' },
  'prune50-reconstruct': { steps: prune({ amount: 0.5, reconstruct: true }) },
  'prune2:4': { steps: prune({ pattern: '2:4' }), peers: 'prune2:4' },
  'prune2:4-reconstruct': { steps: prune({ pattern: '2:4', reconstruct: true }) },
}
