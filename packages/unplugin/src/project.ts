import { resolve } from 'node:path'
import { calibrationPath, type ModelOptions } from '@unplugin-onnx/build'
import { bundlerError } from './bundler-error'
import { type Conversions, createConversions } from './conversions'
import { writeDeclaration } from './declarations'
import type { Bundler } from './emit/bundler'
import { assetModule, urlModule } from './module/asset-module'
import { engineModule } from './module/engine-module'
import { isEngineName } from './module/engines'
import { engineOf, modelRequest } from './module/ids'
import { configFile, createOptionsReader } from './options/config-file'
import { includesModel, modelOptions } from './options/model-options'
import type { Options } from './options/schema'
import type { Globs } from './options/unmatched'
import type { Reports } from './reports'

/** A project that a plugin works for: its options, its conversions, and the modules that they give. */
export interface Project {
  /**
   * The code of a module of ours.
   * @param watch is called with each file whose change changes the module
   * @returns undefined for modules that are not ours
   * @throws BundlerError
   */
  load(id: string, bundler: Bundler, watch: (file: string) => void): Promise<string | undefined>
  readonly summarize: Conversions['summarize']
  /** Warns of globs under `models` that fit no model, each once. To be called when a build has loaded all there is. */
  checkGlobs(): Promise<void>
  /** Writes the report, where the options ask for one. */
  report(): Promise<void>
  readonly close: Conversions['close']
}

/** What all plugins of one build share. */
export interface Shared {
  readonly reports: Reports
  readonly globs: Globs
}

export function createProject(root: string, inline: Options, { reports, globs }: Shared): Project {
  const readOptions = createOptionsReader(root, inline)
  const conversions = createConversions(root, reports)

  const load: Project['load'] = async (id, bundler, watch) => {
    const engine = engineOf(id)
    if (engine !== undefined) return isEngineName(engine) ? engineModule(engine, root, bundler) : undefined
    const request = modelRequest(id)
    if (request === undefined) return undefined
    if (request.kind === 'url') return urlModule(request.file, bundler)
    const config = configFile(root)
    if (config !== undefined) watch(config)
    const options = await readOptions()
    if (!includesModel(options, request.file, root)) return undefined
    watch(request.file)
    globs.add(request.file)
    return convertedModule(
      request.file,
      modelOptions(options, request.file, root, bundler.runs),
      options,
      bundler,
      watch,
    )
  }

  async function convertedModule(
    file: string,
    model: ModelOptions,
    options: Options,
    bundler: Bundler,
    watch: (file: string) => void,
  ): Promise<string> {
    // Watched before it is read: a calibration file that is missing or broken must be seen when it is mended.
    if (model.calibration !== undefined) watch(resolve(root, calibrationPath(model.calibration)))
    const conversion = await conversions.convert(file, model, options, bundler.note)
    for (const dependency of conversion.dependencies) watch(dependency)
    if (options.dts ?? true) await writeDeclaration(file, conversion.manifest)
    return assetModule(file, conversion, bundler)
  }

  return {
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
    report: () =>
      readOptions().then(
        ({ report = false }) => conversions.report(report),
        () => {},
      ),
    close: conversions.close,
  }
}
