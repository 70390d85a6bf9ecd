import { nearest } from '@unplugin-onnx/core'
import { InvalidArgumentError } from 'commander'
import { bytesOf, sizeForms } from '../options/sizes'

/** `a,b` as a list. */
export const list = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** Gathers an option that may be given several times. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, ...list(text)]

const presets = ['high', 'balanced', 'small'] as const
const measures = ['sqnr', 'cosine', 'top1']

/** `high`, `balanced`, `small`, or measures: `sqnr=25,cosine=0.99`. */
export function accuracy(text: string): (typeof presets)[number] | Record<string, number> {
  const preset = presets.find((name) => name === text)
  if (preset !== undefined) return preset
  const budget: Record<string, number> = {}
  for (const part of list(text)) {
    const [name = '', value = ''] = part.split('=')
    const number = Number(value)
    if (!measures.includes(name) || value === '' || !Number.isFinite(number)) {
      const near = nearest(name, part.includes('=') ? measures : presets)
      throw new InvalidArgumentError(
        `It is high, balanced or small, or measures such as 'sqnr=25,cosine=0.99,top1=0.98'.${
          near === undefined || near === name ? '' : ` Did you mean ${near}?`
        }`,
      )
    }
    budget[name] = number
  }
  return budget
}

/** `0.01`, or `0.5%`. */
export function maxDrop(text: string): number | `${number}%` {
  if (!/^\d+(\.\d+)?\s*%?$/.test(text.trim()))
    throw new InvalidArgumentError("It is a number from 0 up, or a share such as '0.5%'.")
  return text.includes('%') ? `${Number(text.replace('%', ''))}%` : Number(text)
}

/** `NAME` or `NAME:JSON` as a step of a recipe. */
export function step(text: string): { readonly pass: string; readonly options?: Record<string, unknown> } {
  const at = text.indexOf(':')
  if (at === -1) return { pass: text }
  let options: unknown
  try {
    options = JSON.parse(text.slice(at + 1))
  } catch {
    options = undefined
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError(
      `What follows the colon is a JSON object: '${text.slice(0, at)}:{"bits": 8}'.`,
    )
  }
  return { pass: text.slice(0, at), options: options as Record<string, unknown> }
}

/** A whole number from 0 up. */
export function count(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 0 up.')
  return Number(text)
}

/** `2/4`: the second of four. */
export function shard(text: string): { readonly index: number; readonly count: number } {
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text.trim())?.map(Number) ?? []
  if (index === undefined || count === undefined || index < 1 || index > count)
    throw new InvalidArgumentError('It is which of how many: 1/4, 2/4, 3/4 or 4/4 of four.')
  return { index, count }
}

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `30d`, `12h`, `45m`, `90s`, `2w`: milliseconds. */
export function duration(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([smhdw])$/.exec(text.trim()) ?? []
  if (number === undefined)
    throw new InvalidArgumentError('It is a number with a unit: 30d, 12h, 45m, 90s or 2w.')
  return Number(number) * (seconds[unit] ?? 0) * 1000
}

/** `500MB`, `1.5GB`, `200kB`, `1GiB`, or a plain number: bytes. */
export function size(text: string): number {
  const bytes = bytesOf(text)
  if (bytes === undefined) throw new InvalidArgumentError(`It is ${sizeForms}.`)
  return bytes
}
