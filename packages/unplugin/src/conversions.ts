import {
  type Conversion,
  type Converter,
  createConverter,
  formatSummary,
  type ModelOptions,
  type ProgressEvent,
} from '@unplugin-onnx/build'
import type { Options } from './options/schema'
import { createTerminal, type Terminal } from './terminal'

/** The conversions of one plugin: starts the converter when it's first needed, and tells what came of them. */
export interface Conversions {
  convert(file: string, model: ModelOptions, options: Options): Promise<Conversion>
  /** Prints what was converted since the last time. */
  summarize(): void
  /** Lets the process exit. A conversion that comes later starts the converter again. */
  close(): Promise<void>
}

export function createConversions(root: string): Conversions {
  let converter: { readonly cacheDir: string | undefined; readonly it: Converter } | undefined
  let terminal: Terminal = createTerminal('info')
  let running = 0
  let closing = false
  const unreported = new Map<string, Conversion>()

  const converterFor = (cacheDir: string | undefined) => {
    if (converter !== undefined && converter.cacheDir !== cacheDir) void closeNow()
    converter ??= {
      cacheDir,
      it: createConverter({
        root,
        ...(cacheDir !== undefined && { cacheDir }),
        logger: {
          info: (text) => terminal.info(text),
          warn: (text) => terminal.warn(text),
          error: (text) => terminal.error(text),
        },
        onProgress: (event) => terminal.progress(progressLine(event)),
      }),
    }
    return converter.it
  }
  const closeNow = async () => {
    const old = converter
    converter = undefined
    closing = false
    await old?.it.close()
  }

  return {
    async convert(file, model, options) {
      terminal = createTerminal(options.logLevel ?? 'info')
      running++
      try {
        const conversion = await converterFor(options.cache?.dir).convert(file, model)
        unreported.set(conversion.key, conversion)
        return conversion
      } finally {
        running--
        if (running === 0) {
          terminal.settle()
          if (closing) await closeNow()
        }
      }
    },
    summarize() {
      if (unreported.size === 0) return
      terminal.info(formatSummary([...unreported.values()], { color: terminal.color }))
      unreported.clear()
    },
    async close() {
      if (running > 0) closing = true
      else await closeNow()
    },
  }
}

const progressLine = (event: ProgressEvent): string =>
  `${event.model}: ${event.phase} ${event.done}/${event.total}`
