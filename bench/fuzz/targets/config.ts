import { inputLimits } from '../../../packages/build/src/limits'
import { normalizeOptions } from '../../../packages/build/src/options'
import { converterOptions } from '../../../packages/unplugin/src/options/converter-options'
import { limitsOf } from '../../../packages/unplugin/src/options/limits'
import { includesModel, modelOptions } from '../../../packages/unplugin/src/options/model-options'
import { type Kind, optionsKind } from '../../../packages/unplugin/src/options/schema'
import { validateOptions } from '../../../packages/unplugin/src/options/validate'
import { Choices } from '../choices'
import { assert, attempt } from '../verdict'
import type { Target } from './target'

/** What a value of this kind may look like to who wrote it: keys that there are, and values that might do. */
function madeUp({ keys, values, accepts }: Kind, choices: Choices, depth = 0): unknown {
  if (depth > 4 || choices.below(8) === 0) return choices.value()
  if (keys === undefined && values === undefined) {
    // A few tries for one that is accepted.
    for (let tries = 0; tries < 4; tries++) {
      const value = choices.one([
        true,
        false,
        1,
        2.5,
        'a',
        ['webgpu'],
        '1 MB',
        'balanced',
        {},
        choices.value(),
      ])
      if (accepts(value)) return value
    }
    return choices.value()
  }
  const names = Object.keys(keys ?? {})
  const entries = Array.from({ length: choices.below(5) }, (): [string, unknown] => {
    const name = names.length > 0 && choices.below(6) > 0 ? choices.one(names) : choices.name()
    const inner = (keys && Object.hasOwn(keys, name) ? keys[name] : undefined) ?? values
    return [name, inner === undefined ? choices.value() : madeUp(inner, choices, depth + 1)]
  })
  return Object.fromEntries(entries)
}

/** Whatever is written, it is refused with an error that says why, or it is taken whole. */
export const configTarget: Target = {
  fuzz(bytes) {
    const choices = new Choices(bytes)
    const given = madeUp(optionsKind, choices)
    const options = attempt(() => validateOptions(given, 'onnx()'))
    if (options === undefined) return
    attempt(() => inputLimits(limitsOf(options)))
    attempt(() => converterOptions('/project', options, {}))
    attempt(() => includesModel(options, '/project/models/det.onnx', '/project'))
    const model = attempt(() => modelOptions(options, '/project/models/det.onnx', '/project', 'browser'))
    const normalized = model && attempt(() => normalizeOptions(model, 'det.onnx'))
    if (normalized !== undefined)
      assert(normalized.targets.length > 0, 'options are taken that have no target')
    assert(!('polluted' in {}), 'a prototype is changed')
  },
  share: 10,
  seeds: [
    new Uint8Array(32),
    Uint8Array.from({ length: 200 }, (_, at) => (at * 37) % 256),
    Uint8Array.from({ length: 400 }, (_, at) => (at * 91 + 13) % 256),
  ],
}
