import { OnnxError } from '@unplugin-onnx/core'
import type { Accuracy } from '@unplugin-onnx/runtime'
import { Agreement } from './accuracy'
import type { Feeds } from './arrays'
import { openModel } from './engine'
import { type EnginePackage, findEngine } from './engine-package'
import { errors } from './errors'

/** A model whose outputs are compared, self-contained. */
export interface ComparedModel {
  /** For messages. */
  readonly name: string
  readonly bytes: Uint8Array
}

export interface Comparison {
  readonly engine: string
  readonly samples: number
  /** The worst of all samples and outputs. */
  readonly accuracy: Accuracy
  /** The worst of all samples for each output. */
  readonly outputs: readonly { readonly name: string; readonly accuracy: Accuracy }[]
}

/**
 * Runs two models on the same inputs and measures how well the second agrees with the first.
 * @param classes outputs that hold class scores along their last axis: the share of rows with the same best class is told
 * @throws OnnxError ONNX_ENGINE_MISSING; ONNX_ENGINE_FAILED where one doesn't run; ONNX_OUTPUTS_DIFFER where names, types
 * or shapes of outputs differ
 */
export async function compareModels(
  source: ComparedModel,
  variant: ComparedModel,
  feeds: readonly Feeds[],
  engine: EnginePackage['engine'],
  {
    root = process.cwd(),
    classes = [],
  }: { readonly root?: string; readonly classes?: readonly string[] } = {},
): Promise<Comparison> {
  const found = await findEngine(engine, root, source.name)
  const expected = await runAll(source, feeds, found)
  const actual = await runAll(variant, feeds, found)
  const measured = (names: readonly string[] | undefined): Accuracy => {
    const agreement = new Agreement(new Set(classes))
    for (const [index, outputs] of expected.entries()) {
      const wanted = names === undefined ? outputs : pick(outputs, names)
      const problem = agreement.add(wanted, actual[index] ?? {})
      if (problem !== undefined) throw errors.outputsDiffer(variant.name, problem)
    }
    return agreement.result()
  }
  const accuracy = measured(undefined)
  const outputs = Object.keys(expected[0] ?? {}).map((name) => ({ name, accuracy: measured([name]) }))
  return { engine: `${found.name} ${found.version}`, samples: feeds.length, accuracy, outputs }
}

const pick = (outputs: Feeds, names: readonly string[]): Feeds =>
  Object.fromEntries(Object.entries(outputs).filter(([name]) => names.includes(name)))

async function runAll({ name, bytes }: ComparedModel, feeds: readonly Feeds[], engine: EnginePackage) {
  try {
    const session = await openModel(engine, bytes)
    try {
      const results: Feeds[] = []
      for (const feed of feeds) results.push(await session.run(feed))
      return results
    } finally {
      await session.close()
    }
  } catch (cause) {
    throw cause instanceof OnnxError ? cause : errors.engineFailed(name, engine.name, cause)
  }
}
