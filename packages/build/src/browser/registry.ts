import { type OptionValue, passes, recipes, type Step } from '@unplugin-onnx/core'
import { type Budget, budgets } from '../budget'
import { type Effort, efforts, type Preference, type Preset, preferences } from '../options'
import { type EngineName, targets, variantsOf } from '../targets'

export interface ListedOption {
  readonly name: string
  readonly fallback: OptionValue
  readonly description: string
  /** The values that it takes, where not all of its type. */
  readonly choices?: readonly OptionValue[]
  /** What it takes, in words, where neither type nor choices say it. */
  readonly expects?: string
}

export interface ListedPass {
  readonly name: string
  readonly summary: string
  readonly source: string
  readonly needsCalibration: boolean
  readonly options: readonly ListedOption[]
}

export interface ListedTarget {
  readonly name: string
  readonly engine: EngineName
  readonly recipes: readonly string[]
}

/** Everything that can be chosen, as plain data: for a page whose worker has the code. */
export interface Registry {
  readonly targets: readonly ListedTarget[]
  readonly passes: readonly ListedPass[]
  readonly recipes: readonly (readonly [name: string, steps: readonly Step[]])[]
  readonly budgets: Readonly<Record<Preset, Budget>>
  readonly efforts: readonly Effort[]
  readonly preferences: readonly Preference[]
}

export function registry(): Registry {
  return {
    targets: [...targets.values()].map((target) => ({
      name: target.name,
      engine: target.engine,
      recipes: [...new Set(variantsOf(target).flatMap(({ recipes: own }) => own))],
    })),
    passes: [...passes.values()].map(({ name, summary, source, needs, options, ...pass }) => ({
      name,
      summary,
      source,
      needsCalibration: needs === 'calibration',
      options: Object.entries(options).map(([option, fallback]): ListedOption => {
        const choices: readonly OptionValue[] | undefined = pass.choices?.[option]
        const expects = pass.expects?.[option]?.text
        return {
          name: option,
          fallback,
          description: pass.describe[option] ?? '',
          ...(choices && { choices }),
          ...(expects !== undefined && { expects }),
        }
      }),
    })),
    recipes: [...recipes],
    budgets,
    efforts,
    preferences,
  }
}
