import { inspect } from 'node:util'
import { OnnxError } from '@unplugin-onnx/core/catalog'

/** The plugin's own errors, each with what to do. Those of models and conversions come from core and build. */

export const optionUnknown = (
  where: string,
  path: string,
  nearest: string | undefined,
  known: readonly string[],
) =>
  new OnnxError({
    code: 'ONNX_OPTION_UNKNOWN',
    message: `${where} has no option "${path}"`,
    cure: nearest === undefined ? `It takes ${known.join(', ')}.` : `Did you mean "${nearest}"?`,
  })

/** @param got what may be shown of it */
export const optionWrong = (
  where: string,
  path: string,
  expected: string,
  got: { readonly value: unknown } | undefined,
) =>
  new OnnxError({
    code: 'ONNX_OPTION_INVALID',
    message: `${path === '' ? `The options of ${where}` : `The option "${path}" of ${where}`} must be ${expected}, but got ${got === undefined ? 'something else' : shown(got.value)}`,
    cure: 'Correct it in the configuration.',
  })

export const targetUnknown = (variant: string, target: string, known: readonly string[]) =>
  new OnnxError({
    code: 'ONNX_OPTION_UNKNOWN',
    message: `${variant} was not converted for a target "${target}"`,
    cure:
      known.length === 0 ? 'There is no manifest.json of it beside it.' : `It was for ${known.join(', ')}.`,
    model: variant,
  })

export const maxDropAlone = (model: string) =>
  new OnnxError({
    code: 'ONNX_OPTION_INVALID',
    message: '--max-drop says how much worse a score may be, and nothing gives a score',
    cure: 'Name a module that scores models: --evaluate ./eval.ts.',
    model,
  })

const configError = (message: string, cure: string, cause?: unknown) =>
  new OnnxError({
    code: 'ONNX_CONFIG_UNREADABLE',
    message,
    cure,
    ...(cause !== undefined && { cause }),
  })

/** @param file its name, with line and column where they are known */
export const configUnreadable = (file: string, problem: string, cure: string, cause: unknown) =>
  configError(`${file} ${problem}`, cure, cause)

export const configWithoutDefault = (file: string) =>
  configError(
    `${file} has no default export`,
    'It gives the options as its default export: export default defineConfig({ … }).',
  )

export const engineMissing = (name: string, version: string | undefined, file: string | undefined) =>
  new OnnxError({
    code: 'ONNX_ENGINE_MISSING',
    message:
      version === undefined
        ? `${name} is not installed, and the models of this build run on it`
        : `${name} ${version} has no ${file}`,
    cure: `Run \`npm install ${name}@latest\` in the project.`,
  })

export const noModels = (glob: string) =>
  new OnnxError({
    code: 'ONNX_MODEL_NOT_FOUND',
    message: `No model fits '${glob}'`,
    cure: 'Check the glob; it starts from the current folder, and leaves node_modules and hidden folders out.',
  })

export const modelUnreadable = (file: string, cause: unknown) =>
  new OnnxError({
    code: 'ONNX_MODEL_NOT_FOUND',
    message: `${file} can't be read${cause instanceof Error && 'code' in cause ? ` (${cause.code})` : ''}`,
    cure: 'Check the path and the permissions of the file.',
    model: file,
    cause,
  })

export const manifestUnreadable = (file: string, cause?: unknown) =>
  new OnnxError({
    code: 'ONNX_MANIFEST_UNREADABLE',
    message: `${file} is no manifest, and no report of conversions`,
    cure: 'Name a manifest.json that `unplugin-onnx convert` wrote, or the JSON beside a report.',
    ...(cause !== undefined && { cause }),
  })

export const diffSideEmpty = (folder: string) =>
  new OnnxError({
    code: 'ONNX_MANIFEST_UNREADABLE',
    message: `There is no manifest.json in ${folder}`,
    cure: 'Name a folder that `unplugin-onnx convert` wrote to.',
  })

export const diffSideUnknown = (name: string) =>
  new OnnxError({
    code: 'ONNX_DIFF_SIDE_UNKNOWN',
    message: `${JSON.stringify(name)} is no file, no folder, and no revision of a git repository here`,
    cure: 'Name a manifest.json, a folder with them, or a revision; a shallow clone lacks all but the newest (git fetch --depth=1 origin NAME).',
  })

export const gitFailed = (command: string, cause: unknown) =>
  new OnnxError({
    code: 'ONNX_GIT_FAILED',
    message: `git ${command} failed: ${stderrOf(cause)}`,
    cure: 'Run it in a git repository, with git installed; or name folders that `unplugin-onnx convert` wrote to.',
    cause,
  })

const stderrOf = (cause: unknown): string => {
  const text = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : ''
  return text.trim().split('\n')[0] || (cause instanceof Error ? cause.message : String(cause))
}

function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  try {
    return value instanceof RegExp ? String(value) : (JSON.stringify(value) ?? String(value))
  } catch {
    // A bigint in it, or a circle.
    return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY })
  }
}
