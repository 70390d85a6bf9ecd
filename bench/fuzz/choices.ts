/** Names that something could make of more than text. */
export const hostileNames: readonly string[] = [
  'x',
  'y',
  'w',
  '',
  '__proto__',
  'constructor',
  'it\'s "quoted" `and` \\',
  '*/ alert(1) /*',
  '</script><script>alert(1)</script>',
  'line\nbreak\r\u2028\u2029\u0085',
  '\u001b[2J\u001b]0;title\u0007\u009b31m',
  '\u202etxt.exe\u2066\u200b\ufeff',
  '../../etc/passwd',
  'C:\\con',
  '\ud800 alone',
  '\udcff',
  '日本語🎉',
  'n'.repeat(130),
]

/** Decisions that are read off bytes: whoever changes a byte changes a decision, and nothing else. Past the end all are 0. */
export class Choices {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0
  }

  /** From 0 to below count, which is 256 at most. */
  below(count: number): number {
    return this.byte() % count
  }

  /** Hardly ever, and never past the end. */
  rarely(): boolean {
    return this.byte() >= 244
  }

  one<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.byte())
  }

  name(): string {
    return this.one(hostileNames)
  }

  /** What JSON can be, and some that it can't. */
  value(depth = 3): unknown {
    switch (this.below(depth > 0 ? 12 : 9)) {
      case 0:
        return undefined
      case 1:
        return null
      case 2:
        return this.byte() > 127
      case 3:
        return this.byte() - 128
      case 4:
        return this.one([Number.NaN, Number.POSITIVE_INFINITY, -0, 0.5, 2 ** 53, -1, 1e308])
      case 5:
      case 6:
        return this.name()
      case 7:
        return this.one(['1 MB', '12%', 'webgpu', 'wasm', 'int8', 'balanced', './a.npz', 'https://a.test'])
      case 8:
        return this.one([/x/, () => 0, 1n, Symbol.iterator])
      case 9:
      case 10:
        return Array.from({ length: this.below(4) }, () => this.value(depth - 1))
      default:
        return Object.fromEntries(
          Array.from({ length: this.below(4) }, () => [this.name(), this.value(depth - 1)]),
        )
    }
  }
}
