import type { Model } from './model'
import { trainingLocations } from './training'

/** The files that external data of this model lies in, as the model names them; each once, in order of appearance. */
export function externalLocations(model: Model): string[] {
  const locations = new Set<string>()
  for (const { external } of model._tensors()) if (external !== undefined) locations.add(external.location)
  for (const { location } of trainingLocations(model)) locations.add(location)
  return [...locations]
}
