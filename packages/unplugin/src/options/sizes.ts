const powers = ['b', 'k', 'm', 'g', 't']

/** What a size may look like, for messages. */
export const sizeForms = "a number of bytes, or one with a unit, such as '500MB', '1.5 GB' or '1 GiB'"

/**
 * `500MB`, `1.5 GB`, `200 kB`, `1GiB`, or a plain number: bytes.
 * @returns undefined for anything else
 */
export function bytesOf(size: unknown): number | undefined {
  if (typeof size === 'number') return Number.isFinite(size) && size >= 0 ? size : undefined
  if (typeof size !== 'string') return undefined
  const [, number, prefix = '', binary] = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i)?)?b?$/i.exec(size.trim()) ?? []
  if (number === undefined) return undefined
  return Math.round(
    Number(number) * (binary ? 1024 : 1000) ** Math.max(0, powers.indexOf(prefix.toLowerCase())),
  )
}
