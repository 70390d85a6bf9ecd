import {
  efforts,
  type FileCalibration,
  type ImageCalibration,
  imageChannels,
  imageFits,
  imageLayouts,
  type ModelOptions,
  preferences,
  type RemoteOptions,
  type WavCalibration,
} from '@unplugin-onnx/build/plugin'
import { bytesOf, sizeForms } from './sizes'

export type Pattern = string | RegExp
export const devModes = ['convert', 'wait', 'source'] as const
export type LogLevel = 'silent' | 'error' | 'warn' | 'info'

/** Bytes, or with a unit: `'3 MB'`, `'500 kB'`, `'1 GiB'`. */
export type Size = number | string
export type SizeBudgets = Readonly<Record<string, Size | Readonly<Record<string, Size>>>>

/** What the plugin takes, inline in the bundler's configuration or in `onnx.config.ts`. */
export interface Options
  extends Pick<ModelOptions, 'targets' | 'accuracy' | 'prefer' | 'effort' | 'strict' | 'shards'> {
  /**
   * Where the models will run. Default: `['webgpu', 'wasm']` for browsers, `['node']` for server builds and Vitest.
   * Set it when the bundler can't tell, as Rollup can't: `['node']` for a Node program. Names, or targets of your own.
   */
  readonly targets?: NonNullable<ModelOptions['targets']>
  /** How far a variant may be from its source. Default: `'balanced'`. */
  readonly accuracy?: NonNullable<ModelOptions['accuracy']>
  /** Options of single models by glob; where several match, later ones win. `{ 'models/*.onnx': { accuracy: 'high' } }` */
  readonly models?: Readonly<Record<string, ModelOptions>>
  /**
   * `dir`: where conversions are kept. Default: `node_modules/.cache/unplugin-onnx` in the project's root. `maxSize`: how
   * large the folder may become, `'2 GB'` or bytes, before what was used longest ago goes; default 5 GB, `false` for no limit.
   * `remote`: a server with Turborepo's remote cache protocol that a team shares them through; what isn't given comes from environment variables
   * `UNPLUGIN_ONNX_REMOTE_…`, which is where its token and signature key belong.
   */
  readonly cache?: {
    readonly dir?: string
    readonly maxSize?: number | string | false
    readonly remote?: Partial<RemoteOptions>
  }
  /**
   * How large variants may be, by the glob of their models: in all targets, or by target. `total`: all that a build emits,
   * a file that several targets share once. What is larger fails the build.
   * `{ '*.onnx': { wasm: '3 MB' }, total: '8 MB' }`
   */
  readonly budgets?: SizeBudgets
  /**
   * What models and their calibration data may ask for; what asks for more is refused (ONNX_LIMIT_EXCEEDED), whatever
   * it would have done. `bytes` of a model's file, 2 GiB as protobuf has it; `nodes` of all its graphs, 1,000,000; `depth`, how many
   * messages may lie in one another, 100; `messages` that the file unfolds to, 10,000,000; `tensorBytes` of one tensor, 8 GiB;
   * `unzipRatio`, how many times its size an `.npz` may unpack to, 200. And what one step of a conversion may take of the
   * machine, before it is ended and its candidate dropped. `conversionSeconds`: default 300. `workerMemory`: bytes, or
   * `'4 GB'`, of one worker process; default four fifths of the machine's memory, or of its container's. `false`: no limit.
   */
  readonly limits?: {
    readonly conversionSeconds?: number | false
    readonly workerMemory?: Size | false
    readonly bytes?: Size
    readonly nodes?: number
    readonly depth?: number
    readonly messages?: number
    readonly tensorBytes?: Size
    readonly unzipRatio?: number
  }
  /** Write `det.d.onnx.ts` beside each model, which types its inputs and outputs. Default: true. */
  readonly dts?: boolean
  /**
   * Write a report of all conversions when a build ends: `true` for `onnx-report.html`, with the same as
   * `onnx-report.json`, in the project's root, or another path that ends in `.html`. Default: false. Vite's dev server
   * shows it at `/__onnx/` in any case.
   */
  readonly report?: boolean | string
  /**
   * Where browsers get onnxruntime-web from. `'bundle'`, the default: the build, as files of its own. `'external'`: the
   * page, whose import map says what `onnxruntime-web` is. `{ cdn }`: another server, in the version that is installed;
   * a base such as `'https://cdn.jsdelivr.net/npm'`, or a whole address with `{file}`, and `{version}`, in it.
   */
  readonly onnxruntime?: 'bundle' | 'external' | { readonly cdn: string }
  /**
   * Put models, and what pages need of onnxruntime, into the code as `data:` URLs instead of beside it. For code that is
   * bundled once more, which leaves files behind, and for pages that are opened from disk. Default: only where a framework is
   * known to bundle its server code once more (SvelteKit, Nitro), and of what Node needs. A dev server never does.
   */
  readonly inline?: boolean
  /**
   * What Vite's dev server serves of a model that is not in the cache. `'convert'`, the default: the source at once, and the
   * conversion when it's done, by HMR to modules that accept the model, else when the page is loaded again. `'wait'`: nothing
   * but the conversion, however long it takes. `'source'`: always the source, and nothing is converted.
   */
  readonly dev?: (typeof devModes)[number]
  /**
   * Send the headers that make pages cross-origin isolated, so that onnxruntime uses threads, from Vite's dev and preview
   * servers. Default: not, with a hint in the terminal; `false` says nothing.
   */
  readonly crossOriginIsolation?: boolean
  /** Which models the plugin takes. Default: all `.onnx` files. */
  readonly include?: Pattern | readonly Pattern[]
  readonly exclude?: Pattern | readonly Pattern[]
  /** How much the plugin says in the terminal. Default: `'info'`. */
  readonly logLevel?: LogLevel
}

/** What a value must be: a test, and the words for the message when it fails. */
export interface Kind {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  /** An object's own keys. */
  readonly keys?: Readonly<Record<string, Kind>>
  /** No message may show a value. */
  readonly secret?: true
  /** The kind of every value of an object with free keys: of those that `keys` doesn't name. */
  readonly values?: Kind
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RegExp)
const isString = (value: unknown) => typeof value === 'string'
const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value)
const isUrl = (value: unknown) => isString(value) && /^(?:https?:)?\/\//.test(String(value))
const isPattern = (value: unknown) => isString(value) || value instanceof RegExp

const object = (keys: Readonly<Record<string, Kind>>): Kind => ({
  expected: 'an object',
  accepts: isObject,
  keys,
})
const string: Kind = { expected: 'a string', accepts: isString }
const number: Kind = { expected: 'a number', accepts: isNumber }
const boolean: Kind = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' }
const strings: Kind = {
  expected: 'an array of strings',
  accepts: (value) => Array.isArray(value) && value.every(isString),
}
const targets: Kind = {
  expected: 'an array of names, or of what defineTarget gives',
  accepts: (value) => Array.isArray(value) && value.every((each) => isString(each) || isObject(each)),
}
const isBytes = (value: unknown) => bytesOf(value) !== undefined
const byteSize: Kind = { expected: sizeForms, accepts: isBytes }
const sizeBudget: Kind = {
  expected: `${sizeForms}, or an object of those by target`,
  accepts: (value) => isBytes(value) || isObject(value),
  values: byteSize,
}
const patterns: Kind = {
  expected: 'a glob, a regular expression or an array of them',
  accepts: (value) => isPattern(value) || (Array.isArray(value) && value.every(isPattern)),
}
const quoted = (names: readonly string[]): string[] => names.map((name) => `'${name}'`)
/** `a, b or c`. */
const either = (choices: readonly string[]): string =>
  [choices.slice(0, -1).join(', '), ...choices.slice(-1)].filter((part) => part !== '').join(' or ')
const oneOf = (...names: string[]): Kind => ({
  expected: either(quoted(names)),
  accepts: (value) => names.includes(value as string),
})

const presets = ['high', 'balanced', 'small']
const levels = oneOf(...presets)
const accuracy: Kind = {
  expected: `${either([...quoted(presets), 'an object'])} of sqnr, cosine, top1, evaluate and maxDrop`,
  accepts: (value) => levels.accepts(value) || isObject(value),
  keys: {
    sqnr: number,
    cosine: number,
    top1: number,
    evaluate: string,
    maxDrop: {
      expected: "a number or a share such as '0.5%'",
      accepts: (value) =>
        isNumber(value) || (isString(value) && /^\s*\d+(\.\d+)?\s*%\s*$/.test(String(value))),
    },
  },
}
const numbers: Kind = {
  expected: 'a number, or one for each channel',
  accepts: (value) => isNumber(value) || (Array.isArray(value) && value.every(isNumber)),
}
const isSize = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0
const size: Kind = { expected: 'a whole number from 1 up', accepts: isSize }

const positiveBytes: Kind = { ...byteSize, accepts: (value) => isSize(bytesOf(value)) }

/** Which keys go together, the build says. */
const calibration: Kind = {
  expected: "a path, or an object that has one: { file }, { images: './folder' } or { wav: './folder' }",
  accepts: (value) => isString(value) || isObject(value),
  keys: {
    file: string,
    images: string,
    wav: string,
    input: string,
    size: {
      expected: 'a number, or [width, height]',
      accepts: (value) =>
        isSize(value) || (Array.isArray(value) && value.length === 2 && value.every(isSize)),
    },
    layout: oneOf(...imageLayouts),
    channels: oneOf(...imageChannels),
    fit: oneOf(...imageFits),
    scale: number,
    mean: numbers,
    std: numbers,
    sampleRate: size,
    window: size,
    hop: size,
    state: { expected: 'an object of inputs by output', accepts: isObject, values: string },
  } satisfies Record<keyof FileCalibration | keyof ImageCalibration | keyof WavCalibration, Kind>,
}
const prefer = oneOf(...preferences)
const effort = oneOf(...efforts)

const shards: Kind = {
  expected: 'false, or an object with maxBytes',
  accepts: (value) => value === false || isObject(value),
  keys: { maxBytes: size },
}

const maxSize: Kind = {
  expected: `${sizeForms}, or false`,
  accepts: (value) => value === false || bytesOf(value) !== undefined,
}
/** Beside secrets themselves: an address may hold one, where it should not. */
const secret: Kind = { ...string, secret: true }
const milliseconds: Kind = {
  expected: 'a number of milliseconds',
  accepts: (value) => typeof value === 'number' && value >= 0,
}
const remote: Kind = {
  ...object({
    url: secret,
    token: secret,
    signatureKey: secret,
    readOnly: boolean,
    teamId: string,
    teamSlug: string,
    timeout: milliseconds,
    uploadTimeout: milliseconds,
  } satisfies Record<keyof RemoteOptions, Kind>),
  secret: true,
}

const model = object({
  targets,
  accuracy,
  prefer,
  effort,
  strict: boolean,
  shards,
  calibration,
  recipes: strings,
  inputs: { expected: 'an object of shapes by input name', accepts: isObject },
} satisfies Record<keyof ModelOptions, Kind>)

/** The options as data: validation reads it, and nothing else lists them. */
export const optionsKind = object({
  targets,
  accuracy,
  prefer,
  effort,
  strict: boolean,
  shards,
  models: { expected: 'an object of options by glob', accepts: isObject, values: model },
  cache: { ...object({ dir: string, maxSize, remote }), secret: true },
  budgets: {
    expected: 'an object of sizes by glob',
    accepts: isObject,
    keys: { total: byteSize },
    values: sizeBudget,
  },
  limits: object({
    conversionSeconds: {
      expected: 'a number of seconds above 0, or false',
      accepts: (value) => value === false || (isNumber(value) && Number(value) > 0),
    },
    workerMemory: maxSize,
    bytes: positiveBytes,
    nodes: size,
    depth: size,
    messages: size,
    tensorBytes: positiveBytes,
    unzipRatio: size,
  } satisfies Record<keyof NonNullable<Options['limits']>, Kind>),
  dts: boolean,
  report: {
    expected: "true, false, or a path that ends in '.html'",
    accepts: (value) => typeof value === 'boolean' || (isString(value) && String(value).endsWith('.html')),
  },
  onnxruntime: {
    expected: "'bundle', 'external' or { cdn: 'https://…' }",
    accepts: (value) =>
      value === 'bundle' ||
      value === 'external' ||
      (isObject(value) && Object.values(value).some((each) => each !== undefined)),
    keys: { cdn: { expected: "an address, such as 'https://cdn.jsdelivr.net/npm'", accepts: isUrl } },
  },
  inline: boolean,
  dev: oneOf(...devModes),
  crossOriginIsolation: boolean,
  include: patterns,
  exclude: patterns,
  logLevel: oneOf('silent', 'error', 'warn', 'info'),
} satisfies Record<keyof Options, Kind>)
