import type { ProgressEvent } from '@unplugin-onnx/build'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTerminal } from '../src/terminal'

const stream = (isTTY: boolean) => {
  const written: string[] = []
  return { isTTY, columns: 40, written, write: (text: string) => written.push(text) > 0 }
}
const event = (stage: ProgressEvent['stage'], done?: number): ProgressEvent => ({
  model: 'det.onnx',
  stage,
  recipe: 'int8',
  ...(done !== undefined && { step: { done, total: 8 } }),
  text: `int8 of det.onnx: ${stage}${done === undefined ? '' : ` ${done}/8`}`,
})

beforeEach(() => void vi.stubEnv('CI', undefined))
afterEach(() => void vi.unstubAllEnvs())

it('rewrites one line in a terminal and takes it away in the end', () => {
  const to = stream(true)
  const terminal = createTerminal('info', to)
  terminal.progress(event('verify', 1))
  terminal.progress(event('verify', 2))
  terminal.settle()
  expect(to.written).toEqual([
    'int8 of det.onnx: verify 1/8',
    '\r\x1b[2K',
    'int8 of det.onnx: verify 2/8',
    '\r\x1b[2K',
  ])
})

it('writes a line to a log when the work on a model begins, and none for a warm build', () => {
  const to = stream(false)
  const terminal = createTerminal('info', to)
  terminal.progress(event('hash'))
  terminal.progress(event('done'))
  terminal.settle()
  expect(to.written).toEqual([])
  for (const each of [
    event('hash'),
    event('wait'),
    event('run source', 1),
    event('convert'),
    event('verify', 1),
  ]) {
    terminal.progress(each)
  }
  terminal.progress({ ...event('convert'), model: 'rec.onnx' })
  expect(to.written).toEqual(['int8 of det.onnx: wait\n', 'det.onnx: converting\n', 'rec.onnx: converting\n'])
})

it('writes plain lines in CI, even to a terminal', () => {
  vi.stubEnv('CI', 'true')
  const to = stream(true)
  createTerminal('info', to).progress(event('convert'))
  expect(to.written).toEqual(['det.onnx: converting\n'])
})

it('takes CI=false for what it says', () => {
  vi.stubEnv('CI', 'false')
  const to = stream(true)
  createTerminal('info', to).progress(event('convert'))
  expect(to.written).toEqual(['int8 of det.onnx: convert'])
})

it.each([true, false])('colours nothing in a log: terminal %s', (isTTY) => {
  vi.stubEnv('CI', 'true')
  const to = stream(isTTY)
  const terminal = createTerminal('info', to)
  terminal.warn('careful')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin so.
  expect(/\u001b\[/.test(to.written.join(''))).toBe(terminal.color)
  expect(isTTY || !terminal.color).toBe(true)
})

it('cuts a progress line to the width of the terminal, so that it can be rewritten', () => {
  const to = stream(true)
  createTerminal('info', to).progress({ ...event('convert'), text: 'x'.repeat(100) })
  expect(to.written).toEqual(['x'.repeat(39)])
})

it('puts a message above the progress line', () => {
  const to = stream(true)
  const terminal = createTerminal('info', to)
  terminal.progress(event('convert'))
  terminal.info('done')
  expect(to.written.at(-2)).toBe('\r\x1b[2K')
  expect(to.written.at(-1)).toBe('done\n')
})

it.each([
  ['info', ['info', 'warn', 'progress']],
  ['warn', ['warn']],
  ['error', []],
  ['silent', []],
] as const)('says at level %s: %j', (level, said) => {
  const heard = (['info', 'warn', 'progress'] as const).filter((kind) => {
    const to = stream(false)
    const terminal = createTerminal(level, to)
    if (kind === 'progress') terminal.progress(event('convert'))
    else terminal[kind]('text')
    return to.written.length > 0
  })
  expect(heard).toEqual(said)
})

describe('a log that has heard nothing for a while', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  const search = (done: number): ProgressEvent => ({
    ...event('search', done),
    targets: ['webgpu', 'wasm'],
  })

  it('says every 15 s what goes on, how far it is, for whom and since when', () => {
    const to = stream(false)
    const terminal = createTerminal('info', to)
    terminal.progress(search(1))
    vi.advanceTimersByTime(10_000)
    terminal.progress(search(2))
    vi.advanceTimersByTime(4_900)
    expect(to.written).toEqual(['det.onnx: converting\n'])
    vi.advanceTimersByTime(200)
    terminal.progress({ ...event('convert'), model: 'rec.onnx', text: 'float16 of rec.onnx: converting' })
    vi.advanceTimersByTime(16_000)
    expect(to.written.slice(1)).toEqual([
      'int8 of det.onnx: search 2/8 (25 %), for webgpu, wasm, 15 s so far\n',
      'rec.onnx: converting\n',
      'int8 of det.onnx: search 2/8 (25 %), for webgpu, wasm, 30 s so far; float16 of rec.onnx: converting, 15 s so far\n',
    ])
  })

  it('says nothing of what is done, nor after the end, nor where it is to be quiet', () => {
    for (const [level, end] of [
      ['info', 'done'],
      ['info', 'settle'],
      ['warn', 'none'],
    ] as const) {
      const to = stream(false)
      const terminal = createTerminal(level, to)
      terminal.progress(event('convert'))
      if (end === 'done') terminal.progress(event('done'))
      if (end === 'settle') terminal.settle()
      vi.advanceTimersByTime(60_000)
      expect(to.written).toHaveLength(level === 'info' ? 1 : 0)
    }
  })

  it('hears it from whom it listens to, and a terminal that rewrites its line needs none', () => {
    const to = stream(false)
    const said: string[] = []
    createTerminal('info', to, 'converting', (line) => void said.push(line)).progress(event('convert'))
    vi.advanceTimersByTime(31_000)
    expect(said).toHaveLength(2)
    expect(to.written).toEqual(['det.onnx: converting\n'])
    const rewriting = stream(true)
    createTerminal('info', rewriting).progress(event('convert'))
    vi.advanceTimersByTime(31_000)
    expect(rewriting.written).toHaveLength(1)
  })
})
