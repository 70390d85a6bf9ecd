import { isAbsolute, relative, resolve } from 'node:path'
import { type Conversion, calibrationPath, type ModelOptions } from '@unplugin-onnx/build/plugin'
import { bundlerError } from './bundler-error'
import { type Conversions, createConversions } from './conversions'
import { writeDeclaration } from './declarations'
import { type Bundler, inlining } from './emit/bundler'
import { createSources } from './meanwhile'
import { assetModule, urlModule } from './module/asset-module'
import { engineModule } from './module/engine-module'
import { isEngineName } from './module/engines'
import { engineOf, modelRequest } from './module/ids'
import { configFile, createOptionsReader, isConfigFile } from './options/config-file'
import { includesModel, modelOptions } from './options/model-options'
import type { Options } from './options/schema'
import type { Globs } from './options/unmatched'
import type { Reports } from './reports'
import type { BuiltModels } from './size-budgets/built'

/** A project that a plugin works for: its options, its conversions, and the modules that they give. */
export interface Project {
  /**
   * The code of a module of ours.
   * @param watch is called with each file whose change changes the module
   * @returns undefined for modules that are not ours
   * @throws BundlerError
   */
  load(id: string, bundler: Bundler, watch: (file: string) => void): Promise<string | undefined>
  /** The options in force. */
  readonly options: () => Promise<Options>
  /** Models that a file which was added, changed or removed matters to without being watched by its own path. */
  modelsOf(file: string): readonly string[]
  readonly summarize: Conversions['summarize']
  /** Warns of globs under `models` that fit no model, each once. To be called when a build has loaded all there is. */
  checkGlobs(): Promise<void>
  /**
   * Holds what was built against `budgets`. To be called when a build has loaded all there is.
   * @throws BundlerError ONNX_SIZE_BUDGET_EXCEEDED with a table of all
   */
  checkSizes(): Promise<void>
  /** Writes the report, where the options ask for one. */
  report(): Promise<void>
  readonly close: Conversions['close']
}

/** What all plugins of one build share. */
export interface Shared {
  readonly reports: Reports
  readonly globs: Globs
  readonly built: BuiltModels
}

export function createProject(root: string, inline: Options, { reports, globs, built }: Shared): Project {
  const readOptions = createOptionsReader(root, inline)
  const conversions = createConversions(root, reports)
  const sources = createSources(conversions)
  /** Of each model, what is watched for it. */
  const watchedFor = new Map<string, ReadonlySet<string>>()

  const optionsOf = (watch: (file: string) => void): Promise<Options> => {
    const config = configFile(root)
    if (config !== undefined) watch(config)
    return readOptions()
  }

  const load: Project['load'] = async (id, bundler, watch) => {
    const engine = engineOf(id)
    if (engine !== undefined) {
      if (!isEngineName(engine)) return undefined
      const options = await optionsOf(watch)
      return engineModule(engine, root, placing(options, bundler), options.onnxruntime)
    }
    const request = modelRequest(id)
    if (request === undefined) return undefined
    if (request.kind === 'url') return urlModule(request.file, placing(await optionsOf(watch), bundler))
    const watched = new Set([request.file])
    const options = await optionsOf((file) => {
      watched.add(file)
      watch(file)
    })
    if (!includesModel(options, request.file, root)) return undefined
    watch(request.file)
    globs.add(request.file)
    if (bundler.isolated === false && options.crossOriginIsolation === undefined)
      conversions.hint(oneThread, options)
    watchedFor.set(request.file, watched)
    return convertedModule(
      request.file,
      modelOptions(options, request.file, root, bundler.runs),
      options,
      bundler,
      (file) => {
        watched.add(file)
        watch(file)
      },
      watched,
    )
  }

  async function convertedModule(
    file: string,
    model: ModelOptions,
    options: Options,
    bundler: Bundler,
    watch: (file: string) => void,
    watched: ReadonlySet<string>,
  ): Promise<string> {
    // Watched before they are read: what is missing or broken must be seen when it is mended.
    if (model.calibration !== undefined) watch(resolve(root, calibrationPath(model.calibration)))
    const evaluate = typeof model.accuracy === 'object' ? model.accuracy.evaluate : undefined
    if (evaluate !== undefined) watch(resolve(root, evaluate))
    const conversion = await conversionFor(file, model, options, bundler, watched)
    for (const dependency of conversion.dependencies) watch(dependency)
    built.add({ file, manifest: conversion.manifest })
    if (options.dts ?? true) await writeDeclaration(file, conversion.manifest)
    return assetModule(file, relative(root, file), conversion, placing(options, bundler))
  }

  function conversionFor(
    file: string,
    model: ModelOptions,
    options: Options,
    { meanwhile, note }: Bundler,
    watched: ReadonlySet<string>,
  ): Promise<Conversion> {
    const { dev = 'convert' } = options
    if (meanwhile === undefined || dev === 'wait') return conversions.convert(file, model, options, note)
    if (dev === 'source') return conversions.source(file, model, options)
    return sources.serve({ file, model, options, note, watched: [...watched] }, meanwhile)
  }

  return {
    options: readOptions,
    modelsOf(file) {
      const isConfig = isConfigFile(file, root)
      return [...watchedFor]
        .filter(([, watched]) => isConfig || [...watched].some((each) => isInside(file, each)))
        .map(([model]) => model)
    },
    async load(id, bundler, watch) {
      try {
        return await load(id, bundler, watch)
      } catch (error) {
        throw bundlerError(error, id)
      }
    },
    summarize: conversions.summarize,
    // A configuration file that can't be read has failed the build already.
    checkGlobs: () =>
      readOptions().then(
        async (options) => {
          for (const text of await globs.warnings(options, root)) conversions.warn(text, options)
        },
        () => {},
      ),
    async checkSizes() {
      const { budgets, ...options } = await readOptions().catch((): Options => ({}))
      if (budgets === undefined) return
      const { checkSizes, sizesExceeded } = await import('./size-budgets/check')
      const { checks, unused } = checkSizes(built.all(), budgets, root)
      for (const text of unused) conversions.warn(text, options)
      const exceeded = sizesExceeded(checks)
      if (exceeded !== undefined) throw bundlerError(exceeded)
    },
    report: () =>
      readOptions().then(
        ({ report = false }) => conversions.report(report),
        () => {},
      ),
    close: conversions.close,
  }
}

/** The bundler, as it is to take files: into the output, or into the code. */
function placing({ inline }: Options, bundler: Bundler): Bundler {
  if (bundler.inline === 'never') return bundler
  return (inline ?? bundler.inline === 'better') ? inlining(bundler) : bundler
}

const oneThread =
  "onnxruntime runs on one thread: Vite's pages are not cross-origin isolated. crossOriginIsolation: true makes them so, in dev and preview; set the headers on your web server as well. crossOriginIsolation: false ends this hint."

/** Whether a changed file lies in a folder. */
function isInside(file: string, folder: string): boolean {
  const path = relative(folder, file)
  return path !== '' && !path.startsWith('..') && !isAbsolute(path)
}
