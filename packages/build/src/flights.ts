/** Work that is under way, by key: whoever comes second waits for the first instead of doing it again. */
export class Flights<T> {
  readonly #flights = new Map<string, Promise<T>>()
  readonly #keep: boolean

  /** @param keep whether results stay once they are there; failures never do */
  constructor({ keep }: { keep: boolean }) {
    this.#keep = keep
  }

  join(key: string, action: () => Promise<T>): Promise<T> {
    const known = this.#flights.get(key)
    if (known) return known
    const flight = action()
    this.#flights.set(key, flight)
    const forget = () => void this.#flights.delete(key)
    flight.then(this.#keep ? undefined : forget, forget)
    return flight
  }
}
