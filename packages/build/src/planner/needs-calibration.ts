import { passes } from '@unplugin-onnx/core'
import { stepsOf } from '../special-recipes'

/** Whether a recipe looks at activations: then it holds on inputs like the calibration's, and on made-up ones it may not. */
export const needsCalibration = (recipe: string): boolean =>
  stepsOf(recipe).some(
    ({ pass, options }) =>
      passes.get(pass)?.needs === 'calibration' || (pass === 'float16' && options?.mode === 'compute'),
  )
