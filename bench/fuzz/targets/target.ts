export interface Target {
  /** Throws where the input shows something that must not be. */
  readonly fuzz: (bytes: Uint8Array) => void | Promise<void>
  /** Its part of all executions. */
  readonly share: number
  /** Inputs to begin with; models of the corpus come on top where it says so. */
  readonly seeds: readonly Uint8Array[]
  readonly models?: true
}
