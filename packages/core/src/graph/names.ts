/** The value names of a model, over all its graphs: a name may stand for one value in each of several subgraphs. */
export class Names {
  readonly #counts = new Map<string, number>()
  /** The last number tried for a base, so that a thousand names of one base take a thousand steps. */
  readonly #next = new Map<string, number>()

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  remove(name: string): void {
    const count = this.#counts.get(name) ?? 0
    if (count > 1) this.#counts.set(name, count - 1)
    else this.#counts.delete(name)
  }

  /** `base` if nothing is called so, else `base_1`, `base_2`, … */
  unique(base: string): string {
    if (base !== '' && !this.#counts.has(base)) return base
    for (let number = this.#next.get(base) ?? 1; ; number++) {
      const name = `${base}_${number}`
      if (this.#counts.has(name)) continue
      this.#next.set(base, number)
      return name
    }
  }
}
