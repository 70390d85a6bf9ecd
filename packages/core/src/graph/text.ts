/** Tokens of ONNX's textual syntax. */

/** Control characters, direction marks, line and paragraph separators, lone surrogates: what must not reach a terminal as it is. */
const UNPRINTABLE = /[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu

export function quoted(text: string, maxLength = Infinity): string {
  const short = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text
  const escaped = short
    .replace(/[\\"]/g, '\\$&')
    .replace(UNPRINTABLE, (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`)
  return `"${escaped}"`
}

export function identifier(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoted(name)
}

/** Domain and operator are never quoted in the syntax; one that needs it is quoted all the same. */
export function operator(domain: string, opType: string, overload: string): string {
  const parts =
    domain === ''
      ? identifier(opType)
      : `${/^[\w.-]+$/.test(domain) ? domain : quoted(domain)}.${identifier(opType)}`
  return overload === '' ? parts : `${parts}:${identifier(overload)}`
}

/** The shortest decimal that is this float32 again; exact integers and bigints as they are. */
export function number(value: number | bigint, single: boolean): string {
  if (typeof value === 'bigint') return String(value)
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0'
  if (!single || Number.isSafeInteger(value)) return String(value)
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(Number(value.toPrecision(9)))
}
