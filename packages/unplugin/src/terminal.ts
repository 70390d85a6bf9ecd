import type { Logger } from '@unplugin-onnx/build'
import pc from 'picocolors'
import type { LogLevel } from './options/schema'

/** What the plugin says. All of it goes to stderr: stdout may be a bundler's machine-readable output. */
export interface Terminal extends Logger {
  readonly color: boolean
  /** Shows what is being done, in place of the last such line where the terminal can rewrite one. */
  progress(line: string): void
  /** Ends the progress line. */
  settle(): void
}

const ranks = { silent: 0, error: 1, warn: 2, info: 3 } as const

export function createTerminal(level: LogLevel, stream: NodeJS.WriteStream = process.stderr): Terminal {
  const rank = ranks[level]
  const rewrites = stream.isTTY === true && process.env.CI === undefined
  let open = false
  let last = ''
  const clear = () => {
    if (open) stream.write('\r\x1b[2K')
    open = false
  }
  const write = (text: string) => {
    clear()
    stream.write(`${text}\n`)
  }
  return {
    color: pc.isColorSupported,
    info: (message) => void (rank >= ranks.info && write(message)),
    warn: (message) => void (rank >= ranks.warn && write(pc.yellow(message))),
    error: (message) => void (rank >= ranks.error && write(pc.red(message))),
    progress(line) {
      if (rank < ranks.info || line === last) return
      last = line
      if (!rewrites) return write(line)
      clear()
      stream.write(line.slice(0, (stream.columns ?? 80) - 1))
      open = true
    },
    settle() {
      clear()
      last = ''
    },
  }
}
