import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { type Conversion, type ModelOptions, printable } from '@unplugin-onnx/build/plugin'
import { bundlerError } from './bundler-error'
import type { Conversions } from './conversions'
import type { Meanwhile } from './emit/bundler'
import type { Options } from './options/schema'

/** What is imported, and what is told of it. */
export interface Wanted {
  readonly file: string
  readonly model: ModelOptions
  readonly options: Options
  readonly note: (text: string) => void
  /** Files that the conversion depends on, as far as they're known before it. */
  readonly watched: readonly string[]
}

/** Gives a page the source of a model until the model is converted, so that nobody waits for a conversion. */
export interface Sources {
  /**
   * What the cache has of a model; else the model as it is, and its conversion begins.
   * @throws OnnxError that this very conversion failed with before
   */
  serve(wanted: Wanted, meanwhile: Meanwhile): Promise<Conversion>
}

export function createSources(conversions: Conversions): Sources {
  /** Of each module, how often its conversion began: only the last one tells that it's done. */
  const rounds = new Map<string, number>()
  const failures = new Map<string, Failure>()

  async function work(key: string, wanted: Wanted, files: readonly string[], meanwhile: Meanwhile) {
    const { file, model, options, note } = wanted
    const round = (rounds.get(key) ?? 0) + 1
    rounds.set(key, round)
    const about = { files, stamp: stampOf(files), model: JSON.stringify(model) }
    const isLast = () => rounds.get(key) === round
    try {
      await conversions.convert(file, model, options, note)
      if (!isLast()) return
      failures.delete(key)
      conversions.summarize()
      const told = await meanwhile.ready(file)
      if (!told) note(`${shown(file)} is converted: the page gets it when it is loaded again`)
    } catch (error) {
      if (!isLast() || isClosed(error)) return
      failures.set(key, { ...about, error })
      meanwhile.failed(file, bundlerError(error, file))
    }
  }

  return {
    async serve(wanted, meanwhile) {
      const { file, model, options, note } = wanted
      const found = await conversions.find(file, model, options)
      if (found !== undefined) return found
      const key = `${meanwhile.name} ${file}`
      const failure = failures.get(key)
      if (failure?.model === JSON.stringify(model) && failure.stamp === stampOf(failure.files))
        throw failure.error
      const source = await conversions.source(file, model, options).catch((error: unknown) => error)
      if (isTooLarge(source)) return conversions.convert(file, model, options, note)
      if (!isConversion(source)) throw source
      note(`${shown(file)} is being converted; until it is, the page gets the source`)
      void work(key, wanted, [...wanted.watched, ...source.dependencies], meanwhile)
      return source
    },
  }
}

const shown = (file: string): string => printable(basename(file))

const isConversion = (value: unknown): value is Conversion =>
  typeof value === 'object' && value !== null && 'manifest' in value

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/** More than 2 GiB with its external data, which is no file that a page could get. */
const isTooLarge = (error: unknown): boolean => hasCode(error, 'ONNX_MODEL_TOO_LARGE')

/** The server is gone. */
const isClosed = (error: unknown): boolean => hasCode(error, 'ONNX_CONVERTER_CLOSED')

/** A conversion that failed, and what it depended on. */
interface Failure {
  readonly files: readonly string[]
  readonly stamp: string
  readonly model: string
  readonly error: unknown
}

/** Another text when a file has changed. */
const stampOf = (files: readonly string[]): string =>
  files
    .map((file) => {
      const stats = statSync(file, { throwIfNoEntry: false })
      return stats === undefined ? `${file} none` : `${file} ${stats.size} ${stats.mtimeMs}`
    })
    .join()
