import type { ModelOptions } from '@unplugin-onnx/build/browser'

/** What is chosen for a conversion. */
export interface Choices {
  readonly targets: readonly string[]
  readonly accuracy: 'high' | 'balanced' | 'small'
  readonly prefer: NonNullable<ModelOptions['prefer']>
  readonly effort: NonNullable<ModelOptions['effort']>
}
