import { passes } from './index'

/** Name and version of every pass: what a pass makes of a model, changes with them. When core is built, this becomes a constant. */
export const passVersions: readonly (readonly [name: string, version: number])[] = [...passes.values()].map(
  ({ name, version }) => [name, version],
)
