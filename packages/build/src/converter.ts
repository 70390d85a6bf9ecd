import { basename } from 'node:path'
import { OnnxError } from '@unplugin-onnx/core/catalog'
import type { Manifest } from '@unplugin-onnx/runtime'
import { Cache, defaultCacheDir, type Entry } from './cache'
import { CacheLimit, defaultMaxBytes } from './cache-limit'
import type { RemoteCache } from './cache-remote/remote-cache'
import { type RemoteOptions, type RemoteSettings, remoteSettings } from './cache-remote/settings'
import { noTransfers, type Transfers } from './cache-remote/transfers'
import { hashCalibration } from './calibration/data'
import { Elsewhere, type Found } from './elsewhere'
import { type EnginePackage, findEngine } from './engine-package'
import { errors, isOfSystem } from './errors'
import { Flights } from './flights'
import type { HashedFile } from './hash'
import { limiter } from './limit'
import { type InputLimits, inputLimits } from './limits'
import { type Logger, type ProgressEvent, progress, type Report, silentLogger } from './logger'
import { NeedsOtherTargets } from './needs-other-targets'
import { type ModelOptions, type NormalizedOptions, normalizeOptions } from './options'
import { partKey } from './parts'
import { PoolClosed, WorkerPool } from './pool'
import { printable } from './printable'
import { displayName, filesOf, hashEvaluation, keyOf, type Request } from './request'
import { absolute, hashExternal, hashModel, unchanged } from './source'
import { sourceRecipe } from './special-recipes'
import type { Target } from './targets'
import type { Inspection } from './tasks/task'
import { WorkerDied } from './worker-died'
import type { WorkerLimits } from './worker-limits'

export interface ConverterOptions {
  /** Project folder: relative paths start there, and the onnxruntime installed there verifies. */
  readonly root: string
  /** Default: `node_modules/.cache/unplugin-onnx` in the root. */
  readonly cacheDir?: string
  /** What the cache may hold, in bytes: entries that were used longest ago go. Default: 5 GB. */
  readonly cacheMaxBytes?: number
  /** A server that conversions are taken from, and put on, as the options say. Default: none. */
  readonly remote?: RemoteOptions
  /** Worker processes at most. Default: one for each core, at most 2. */
  readonly concurrency?: number
  /** What models and calibration data may ask for, and what one step of one candidate may take; else the candidate is dropped. */
  readonly limits?: Partial<InputLimits> & WorkerLimits
  readonly logger?: Logger
  onProgress?(event: ProgressEvent): void
}

export interface Conversion {
  readonly manifest: Manifest
  /** Folder of the variants: `join(dir, variant.file)`. Other models and processes share it: it is not to be written to. */
  readonly dir: string
  readonly key: string
  /** Whether nothing had to be converted. */
  readonly cached: boolean
  /** Whether the remote cache had it. */
  readonly fetched?: true
  /** Absolute paths of model, external data and calibration: a change of one of them wants a new conversion. */
  readonly dependencies: readonly string[]
  readonly seconds: number
}

export interface Converter {
  /**
   * Converts a model for all its targets, or takes the result from the cache.
   * @param file absolute, or relative to the root
   * @throws OnnxError
   */
  convert(file: string, options?: ModelOptions): Promise<Conversion>
  /**
   * Converts a model for one of its targets, as one of several machines that share a cache: when all parts are in it,
   * `convert` puts them together and makes nothing itself. Gives all targets where they are there already, or where one
   * can't be made without the others.
   * @param target name of one of the targets in `options`
   * @throws OnnxError
   */
  convertPart(file: string, target: string, options?: ModelOptions): Promise<Conversion>
  /**
   * What `convert` would take from the cache, if it is there. Nothing is run, and no worker process starts.
   * @throws OnnxError
   */
  find(file: string, options?: ModelOptions): Promise<Conversion | undefined>
  /**
   * The source itself in place of all variants, whose recipe is `source`: for development, where nobody is to wait. Nothing is
   * run, verified or cached.
   * @throws OnnxError, ONNX_MODEL_TOO_LARGE where model and external data together don't fit one file
   */
  source(file: string, options?: ModelOptions): Promise<Conversion>
  /** What went over the wire to the remote cache and from there, so far. */
  transfers(): Transfers
  /**
   * Ends all worker processes, and uploads to the remote cache, as soon as they're done or their time is up. Conversions at
   * work fail with ONNX_CONVERTER_CLOSED.
   * @param now breaks off uploads as well
   */
  close(now?: boolean): Promise<void>
}

/** Files that are hashed at a time, and models that are converted at a time. */
const atATime = { files: 8, models: 4 }
/** A model that changes while it is converted is read this many times. */
const maxReads = 3

export function createConverter(options: ConverterOptions): Converter {
  const { root, logger = silentLogger } = options
  const limits = inputLimits(options.limits)
  const cacheDir = options.cacheDir ?? defaultCacheDir(root)
  const pool = new WorkerPool({ size: options.concurrency, limits: options.limits })
  const cache = new Cache(cacheDir, logger, pool.limits)
  const limit = new CacheLimit(cacheDir, options.cacheMaxBytes ?? defaultMaxBytes)
  const settings = settingsOf(options.remote, logger)
  let shared: RemoteCache | undefined
  let opening: Promise<RemoteCache> | undefined
  /** Its code is loaded with its first use: most projects have no server. */
  const open = async (of: RemoteSettings) => {
    const { RemoteCache } = await import('./cache-remote/remote-cache')
    shared = new RemoteCache(of, logger)
    return shared
  }
  const remote = settings && (() => (opening ??= open(settings)))
  const elsewhere = new Elsewhere(cache, remote)
  const hashing = limiter(atATime.files)
  const converting = limiter(atATime.models)
  const inspections = new Flights<Inspection>({ keep: true })
  const engines = new Flights<EnginePackage>({ keep: true })
  const conversions = new Flights<Found>({ keep: false })

  const inspect = (path: string, name: string, sha256: string, report: Report): Promise<Inspection> =>
    inspections.join(sha256, () => {
      report('inspect')
      return pool.exec('inspect', [{ path, name, sha256, limits }])
    })

  async function request(
    file: string,
    name: string,
    normalized: NormalizedOptions,
    report: Report,
  ): Promise<Request> {
    const path = absolute(root, file)
    report('hash')
    const model = await hashing(() => hashModel(path, name, limits))
    let locations = await cache.externalLocations(model.sha256)
    if (locations === undefined) {
      locations = (await inspect(path, name, model.sha256, report)).external
      await cache.rememberLocations(model.sha256, locations)
    }
    const known = locations
    const external = known.length === 0 ? [] : await hashing(() => hashExternal(path, name, known))
    const wanted = normalized.targets
    const found = new Map<Target['engine'], EnginePackage>()
    for (const { engine } of wanted)
      found.set(engine, await engines.join(engine, () => findEngine(engine, root, name)))
    const calibration = await hashCalibration(root, normalized.calibration, name)
    const evaluation = await hashEvaluation(root, normalized.task?.evaluate, name)
    return {
      name,
      model,
      external,
      calibration,
      evaluation,
      options: normalized,
      targets: wanted,
      engines: found,
    }
  }

  async function make(asked: Request, key: string, report: Report, only?: string): Promise<Entry> {
    const { model, external, name } = asked
    const inspection = await inspect(model.path, name, model.sha256, report)
    const work = await cache.workFolder()
    try {
      const locations = external.map((each) => each.location)
      const totalBytes = external.reduce((sum, each) => sum + each.bytes, model.bytes)
      const part = only === undefined ? {} : { only }
      const source = { ...model, name, external: locations, limits }
      const job = { ...asked, ...part, model: source, totalBytes, work }
      const { plan } = await import('./planner/plan')
      const { manifest, report: details } = await plan(job, inspection, pool, report)
      // The key names the content that was hashed; other content must not come to lie under it.
      if (!(await unchanged(filesOf(asked)))) throw errors.modelChanging(name)
      return await cache.commit(work, key, manifest, details)
    } finally {
      await cache.discard(work)
    }
  }

  /** What is known of a conversion's result, unless the model was never looked into. */
  async function lookUp(file: string, name: string, normalized: NormalizedOptions) {
    const { sha256 } = await hashing(() => hashModel(absolute(root, file), name, limits))
    if ((await cache.externalLocations(sha256)) === undefined) return undefined
    const asked = await request(file, name, normalized, () => {})
    const key = keyOf(asked)
    const entry = await cache.read(key)
    return entry && { files: filesOf(asked), entry, key, cached: true }
  }

  /** Where models are put together with their weights; made once, gone with the converter. */
  let put: Promise<string> | undefined
  const putFolder = () => {
    put ??= cache.workFolder()
    return put
  }

  /** @param only the target to make the part of, where others make those of the other targets */
  async function entryOf(asked: Request, report: Report, only?: string): Promise<Omit<Made, 'files'>> {
    const whole = keyOf(asked)
    const key = only === undefined ? whole : partKey(whole, only)
    const there = await cache.read(key)
    let cached = true
    const found: Found = there
      ? { entry: there }
      : await conversions.join(key, () =>
          cache.exclusively(
            key,
            () => report('wait'),
            async () => {
              const others = await cache.read(key)
              if (others) return { entry: others }
              const found = await elsewhere.find(asked, key, report, only)
              if (found) return found
              cached = false
              return { entry: await converting(() => make(asked, key, report, only)) }
            },
          ),
        )
    if (!cached || found.fetched) limit.grew()
    // What a machine has given up, others are not to take for all there is.
    const { manifest, dir } = found.entry
    if (remote && manifest.cutOff === undefined) (await remote()).offer(key, dir, manifest)
    return { ...found, key, cached }
  }

  /** A part is of use only where the whole isn't there, and where it can be made without the others. */
  async function partOf(asked: Request, report: Report, only: string): Promise<Omit<Made, 'files'>> {
    if (asked.targets.length === 1 || (await cache.read(keyOf(asked)))) return entryOf(asked, report)
    try {
      return await entryOf(asked, report, only)
    } catch (cause) {
      if (cause instanceof NeedsOtherTargets) return entryOf(asked, report)
      throw cause
    }
  }

  async function convert(file: string, modelOptions: ModelOptions, only?: string): Promise<Conversion> {
    const start = performance.now()
    const name = displayName(root, file)
    let targets: readonly string[] = []
    const report: Report = (stage, recipe, step) =>
      options.onProgress?.(progress(printable(basename(name)), stage, recipe, step, targets))
    try {
      const normalized = normalizeOptions(modelOptions, name)
      const names = normalized.targets.map((target) => target.name)
      if (only !== undefined && !names.includes(only)) throw errors.unknownOption(name, 'target', only, names)
      targets = (only === undefined ? names : [only]).map(printable)
      const made = await whileSteady(async () => {
        const asked = await request(file, name, normalized, report)
        const entry = only === undefined ? await entryOf(asked, report) : await partOf(asked, report, only)
        return { files: filesOf(asked), ...entry }
      })
      return conversionOf(name, normalized, made, start)
    } catch (cause) {
      throw failureOf(cause, name)
    } finally {
      report('done')
    }
  }

  return {
    convert: (file, modelOptions = {}) => convert(file, modelOptions),
    convertPart: (file, target, modelOptions = {}) => convert(file, modelOptions, target),
    async find(file, modelOptions = {}) {
      const start = performance.now()
      const name = displayName(root, file)
      try {
        const normalized = normalizeOptions(modelOptions, name)
        const found = await whileSteady(() => lookUp(file, name, normalized))
        return found && conversionOf(name, normalized, found, start)
      } catch (cause) {
        throw failureOf(cause, name)
      }
    },
    async source(file, modelOptions = {}) {
      const start = performance.now()
      const name = displayName(root, file)
      try {
        const { targets } = normalizeOptions(modelOptions, name)
        const { takeAsIs } = await import('./as-is')
        const { manifest, dir, files } = await takeAsIs(
          absolute(root, file),
          name,
          targets,
          putFolder,
          limits,
        )
        const key = `${manifest.source.sha256} ${sourceRecipe}`
        const seconds = (performance.now() - start) / 1000
        return { manifest, dir, key, cached: true, dependencies: files, seconds }
      } catch (cause) {
        throw failureOf(cause, name)
      }
    },
    transfers: () => shared?.transfers ?? noTransfers,
    async close(now) {
      await Promise.all([pool.close(), opening?.then((server) => server.close(now))])
      // What this build uses stays, even where that alone is too much.
      await limit.settle()
      cache.release()
      await cache.collect()
      if (put !== undefined) await put.then((folder) => cache.discard(folder))
    },
  }
}

interface Made extends Found {
  readonly files: readonly HashedFile[]
  readonly key: string
  readonly cached: boolean
}

function conversionOf(
  name: string,
  { strict }: NormalizedOptions,
  { files, entry, key, cached, fetched }: Made,
  start: number,
): Conversion {
  const [missed] = entry.manifest.missed ?? []
  if (strict && missed) throw errors.budgetMissed(name, missed.target, missed.tried)
  const { dir } = entry
  const manifest = { ...entry.manifest, source: { ...entry.manifest.source, file: name } }
  return {
    manifest,
    dir,
    key,
    cached,
    ...(fetched && { fetched }),
    dependencies: files.map((each) => each.path),
    seconds: (performance.now() - start) / 1000,
  }
}

function settingsOf(options: RemoteOptions | undefined, logger: Logger): RemoteSettings | undefined {
  if (options === undefined) return undefined
  const { settings, note, warnings } = remoteSettings(options)
  if (note !== undefined) logger.info(note)
  for (const warning of warnings) logger.warn(warning)
  return settings
}

/** Converts one model and ends its worker processes again. */
export async function convert(file: string, options: ModelOptions & ConverterOptions): Promise<Conversion> {
  const { root, cacheDir, cacheMaxBytes, remote, concurrency, limits, logger, onProgress, ...model } = options
  const converter = createConverter({
    root,
    ...(cacheDir !== undefined && { cacheDir }),
    ...(cacheMaxBytes !== undefined && { cacheMaxBytes }),
    ...(remote !== undefined && { remote }),
    ...(concurrency !== undefined && { concurrency }),
    ...(limits !== undefined && { limits }),
    ...(logger !== undefined && { logger }),
    ...(onProgress !== undefined && { onProgress }),
  })
  try {
    return await converter.convert(file, model)
  } finally {
    await converter.close()
  }
}

/** Begins again where a file changed on the way, as while an export is still writing it. */
async function whileSteady<T>(action: () => Promise<T>): Promise<T> {
  for (let reads = 1; ; reads++) {
    try {
      return await action()
    } catch (cause) {
      if (!(cause instanceof OnnxError) || cause.code !== 'ONNX_MODEL_CHANGING' || reads === maxReads)
        throw cause
    }
  }
}

function failureOf(cause: unknown, name: string): unknown {
  if (cause instanceof PoolClosed) return errors.closed(name)
  if (cause instanceof WorkerDied) return errors.workerFailed(name, cause.message, cause.end)
  // What is read, says so itself where it can't be.
  if (isOfSystem(cause)) return errors.notWritten(name, cause)
  if (!(cause instanceof OnnxError) || cause.model === printable(name)) return cause
  // Files of the same content share their failure; each names its own.
  const { code, problem: message, cure, node, tensor } = cause
  return new OnnxError({ code, message, cure, node, tensor, model: printable(name), cause })
}
