import type { Logger, ProgressEvent } from '@unplugin-onnx/build/plugin'
import pc from 'picocolors'
import type { LogLevel } from './options/schema'

/** What the plugin says. All of it goes to stderr: stdout may be a bundler's machine-readable output. */
export interface Terminal extends Logger {
  readonly color: boolean
  /**
   * Shows what is being done. A terminal gets one line, rewritten; a log (CI, a file) gets a line when the work on a
   * model begins, and one whenever it has heard nothing for a while.
   */
  progress(event: ProgressEvent): void
  /** Takes the progress line away. */
  settle(): void
}

const ranks = { silent: 0, error: 1, warn: 2, info: 3 } as const

export type Stream = Pick<NodeJS.WriteStream, 'write'> & {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Milliseconds without a line in a log, after which one says what goes on: people and CI servers take silence for a hang. */
const longSilence = 15_000

/**
 * @param work what a log says that is done with a model
 * @param say prints a line that breaks the silence of a log; by default to the stream
 */
export function createTerminal(
  level: LogLevel,
  stream: Stream = process.stderr,
  work = 'converting',
  say?: (line: string) => void,
): Terminal {
  const rank = ranks[level]
  const rewrites = stream.isTTY === true && !isSet(process.env.CI)
  const color = pc.isColorSupported && stream.isTTY === true
  const { yellow } = pc.createColors(color)
  let open = false
  let last = ''
  const begun = new Set<string>()
  const clear = () => {
    if (open) stream.write('\r\x1b[2K')
    open = false
  }
  let spoken = Date.now()
  const write = (text: string) => {
    clear()
    stream.write(`${text}\n`)
    spoken = Date.now()
  }
  /** What goes on, by model, and since when it does. */
  const atWork = new Map<string, { readonly event: ProgressEvent; readonly since: number }>()
  let alarm: NodeJS.Timeout | undefined
  const listen = () => {
    if (alarm !== undefined || atWork.size === 0) return
    alarm = setTimeout(breakSilence, Math.max(1, spoken + longSilence - Date.now()))
    alarm.unref()
  }
  const breakSilence = () => {
    alarm = undefined
    if (atWork.size > 0 && Date.now() - spoken >= longSilence) {
      const line = [...atWork.values()]
        .map(({ event, since }) => stillAt(event, Date.now() - since))
        .join('; ')
      if (say === undefined) write(line)
      else say(line)
      spoken = Date.now()
    }
    listen()
  }
  const follow = (event: ProgressEvent) => {
    if (event.stage === 'done') atWork.delete(event.model)
    else {
      if (atWork.size === 0) spoken = Date.now()
      atWork.set(event.model, { event, since: atWork.get(event.model)?.since ?? Date.now() })
    }
    listen()
  }
  const progressOf = ({ model, stage, text }: ProgressEvent): string | undefined => {
    if (rewrites) return stage === 'done' ? undefined : text
    // Reading and hashing take moments, and are all that a warm build does.
    if (
      stage === 'hash' ||
      stage === 'inspect' ||
      stage === 'fetch' ||
      stage === 'done' ||
      begun.has(`${model} ${stage === 'wait'}`)
    ) {
      return undefined
    }
    begun.add(`${model} ${stage === 'wait'}`)
    return stage === 'wait' ? text : `${model}: ${work}`
  }
  return {
    color,
    info: (message) => void (rank >= ranks.info && write(message)),
    warn: (message) => void (rank >= ranks.warn && write(yellow(message))),
    progress(event) {
      if (rank < ranks.info) return
      if (!rewrites) follow(event)
      const line = progressOf(event)
      if (line === undefined || line === last) return
      last = line
      if (!rewrites) return write(line)
      clear()
      stream.write(line.slice(0, (stream.columns ?? 80) - 1))
      open = true
    },
    settle() {
      clear()
      last = ''
      begun.clear()
      atWork.clear()
      clearTimeout(alarm)
      alarm = undefined
    },
  }
}

/** `int8-mixed of det.onnx: finding out which weights need more bits 12/48 (25 %), for webgpu and wasm, 90 s so far` */
function stillAt({ text, step, targets = [] }: ProgressEvent, milliseconds: number): string {
  const share =
    step === undefined || step.total === 0 ? '' : ` (${Math.floor((100 * step.done) / step.total)} %)`
  const whom = targets.length === 0 ? '' : `, for ${targets.join(', ')}`
  return `${text}${share}${whom}, ${Math.round(milliseconds / 1000)} s so far`
}

/** CI=false says that it isn't one. */
const isSet = (value: string | undefined): boolean =>
  value !== undefined && !['', '0', 'false'].includes(value)
