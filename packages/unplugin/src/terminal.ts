import type { Logger, ProgressEvent } from '@unplugin-onnx/build'
import pc from 'picocolors'
import type { LogLevel } from './options/schema'

/** What the plugin says. All of it goes to stderr: stdout may be a bundler's machine-readable output. */
export interface Terminal extends Logger {
  readonly color: boolean
  /**
   * Shows what is being done. A terminal gets one line, rewritten; a log (CI, a file) gets a line when the work on a
   * model begins.
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

/** @param work what a log says that is done with a model */
export function createTerminal(
  level: LogLevel,
  stream: Stream = process.stderr,
  work = 'converting',
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
  const write = (text: string) => {
    clear()
    stream.write(`${text}\n`)
  }
  const progressOf = ({ model, stage, text }: ProgressEvent): string | undefined => {
    if (rewrites) return stage === 'done' ? undefined : text
    // Reading and hashing take moments, and are all that a warm build does.
    if (
      stage === 'hash' ||
      stage === 'inspect' ||
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
      const line = progressOf(event)
      if (rank < ranks.info || line === undefined || line === last) return
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
    },
  }
}

/** CI=false says that it isn't one. */
const isSet = (value: string | undefined): boolean =>
  value !== undefined && !['', '0', 'false'].includes(value)
