/** Bytes in a millisecond that a transfer has to reach on the whole: 4 Mbit/s. What is slower is no faster than converting. */
const leastRate = 500

/**
 * Breaks off a transfer that takes too long: that doesn't begin, that stops, or that drips. Whoever sends one byte every
 * second is as much in the way as who sends none.
 */
export class Patience {
  readonly #abort = new AbortController()
  readonly #begun = performance.now()
  readonly #milliseconds: number
  #moved = performance.now()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  /**
   * @param milliseconds that may pass without a byte
   * @param ended breaks it off for another reason
   */
  constructor(milliseconds: number, ended: AbortSignal) {
    this.#milliseconds = milliseconds
    this.signal = AbortSignal.any([this.#abort.signal, ended])
    this.#wait()
  }

  readonly signal: AbortSignal

  /** Whether time was up, and not something else. */
  get isOver(): boolean {
    return this.#abort.signal.aborted
  }

  moved(bytes: number): void {
    this.#bytes += bytes
    this.#moved = performance.now()
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #wait(): void {
    const now = performance.now()
    const due = Math.min(
      this.#moved + this.#milliseconds,
      this.#begun + this.#milliseconds + this.#bytes / leastRate,
    )
    if (now >= due) this.#abort.abort()
    else this.#timer = setTimeout(() => this.#wait(), Math.ceil(due - now))
  }
}
