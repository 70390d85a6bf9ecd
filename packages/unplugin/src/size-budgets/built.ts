import type { Manifest } from '@unplugin-onnx/runtime'

/** A model as a build emits it. */
export interface BuiltModel {
  /** Absolute path. */
  readonly file: string
  readonly manifest: Manifest
}

/** What the models of a build came to, each for its targets as it was converted last. */
export interface BuiltModels {
  add(model: BuiltModel): void
  all(): readonly BuiltModel[]
}

export function createBuiltModels(): BuiltModels {
  const models = new Map<string, BuiltModel>()
  return {
    add(model) {
      const targets = model.manifest.variants.map(({ target }) => target)
      models.set(JSON.stringify([model.file, targets]), model)
    },
    all: () => [...models.values()],
  }
}
