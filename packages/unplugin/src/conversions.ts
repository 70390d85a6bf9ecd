import { relative } from 'node:path'
import {
  type Conversion,
  type Converter,
  createConverter,
  formatSummary,
  type ModelOptions,
} from '@unplugin-onnx/build/plugin'
import { converterOptions } from './options/converter-options'
import type { LogLevel, Options } from './options/schema'
import type { Reports } from './reports'
import { createTerminal, type Terminal } from './terminal'

/** The conversions of one plugin: starts a converter when it's first needed, and tells what came of them. */
export interface Conversions {
  /** @param note prints a line as the bundler prints its own */
  convert(
    file: string,
    model: ModelOptions,
    options: Options,
    note?: (text: string) => void,
  ): Promise<Conversion>
  /** What the cache has of a model, if anything. */
  find(file: string, model: ModelOptions, options: Options): Promise<Conversion | undefined>
  /** A model as it is, in the form of a conversion. */
  source(file: string, model: ModelOptions, options: Options): Promise<Conversion>
  warn(text: string, options: Options): void
  /** Says something that may be of use, once. */
  hint(text: string, options: Options): void
  /** Prints what was converted since the last time. */
  summarize(): void
  /** Writes the report that `report` asks for, if anything was converted since the last time. */
  report(report: boolean | string): Promise<void>
  /**
   * Lets the process exit. A conversion that comes later starts a converter again.
   * @param now breaks off what is at work
   */
  close(now?: boolean): Promise<void>
}

export function createConversions(root: string, reports: Reports): Conversions {
  /** By their options: a changed configuration file may name another cache. */
  const converters = new Map<string, Converter>()
  const unreported = new Map<string, Conversion>()
  let level: LogLevel = 'info'
  let note: ((text: string) => void) | undefined
  const open = () => createTerminal(level, process.stderr, 'converting', (text) => note?.(text))
  let terminal: Terminal = open()
  const speakAt = ({ logLevel = 'info' }: Options) => {
    if (logLevel === level) return
    level = logLevel
    terminal = open()
  }
  const hinted = new Set<string>()
  let running = 0
  let closing = false

  const converterFor = (options: Options): Converter => {
    const kept = converterOptions(root, options)
    const id = JSON.stringify(kept)
    const converter =
      converters.get(id) ??
      createConverter({
        root,
        ...kept,
        logger: { info: (text) => terminal.info(text), warn: (text) => terminal.warn(text) },
        onProgress: (event) => terminal.progress(event),
      })
    converters.set(id, converter)
    return converter
  }
  const keep = (conversion: Conversion): Conversion => {
    unreported.set(conversion.key, conversion)
    reports.add(conversion)
    return conversion
  }
  const closeAll = async (now: boolean) => {
    closing = false
    const open = [...converters.values()]
    converters.clear()
    await Promise.all(open.map((converter) => converter.close(now)))
  }

  return {
    async convert(file, model, options, by) {
      speakAt(options)
      note = by
      running++
      try {
        const conversion = await converterFor(options).convert(file, model)
        return keep(conversion)
      } finally {
        running--
        if (running === 0) {
          terminal.settle()
          if (closing) await closeAll(false)
        }
      }
    },
    async find(file, model, options) {
      speakAt(options)
      const found = await converterFor(options).find(file, model)
      return found && keep(found)
    },
    source: (file, model, options) => converterFor(options).source(file, model),
    hint(text, options) {
      if (hinted.has(text)) return
      hinted.add(text)
      speakAt(options)
      terminal.info(text)
    },
    warn(text, options) {
      speakAt(options)
      terminal.warn(text)
    },
    summarize() {
      if (unreported.size === 0) return
      terminal.info(formatSummary([...unreported.values()], { color: terminal.color }))
      unreported.clear()
    },
    async report(report) {
      try {
        const page = await reports.write(root, report)
        if (page !== undefined) terminal.info(`ONNX report: ${relative(root, page)}`)
      } catch (cause) {
        // What was built is whole without it.
        terminal.warn(
          `The report can't be written: ${cause instanceof Error ? cause.message : String(cause)}`,
        )
      }
    },
    async close(now = false) {
      // Another environment's build may still be converting: the last one closes.
      if (running > 0 && !now) closing = true
      else await closeAll(now)
    },
  }
}
