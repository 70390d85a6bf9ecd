import type { InputLimits } from '../limits'
import { openModelFile } from '../open-model'
import type { ReportLayer } from './data'
import { layersIn, type OpenVariant } from './layers'

/**
 * The layers of files. Large files are not read as a whole.
 * @param source path, and name for messages
 * @param variants `file` is the name in the manifest, `path` where it lies
 */
export const readLayers = (
  source: { readonly path: string; readonly name: string; readonly limits?: Partial<InputLimits> },
  variants: readonly (Omit<OpenVariant, 'model'> & { readonly path: string })[],
): ReportLayer[] =>
  layersIn(
    (variant) => openModelFile((variant ?? source).path, source.name, undefined, source.limits),
    variants,
    source.name,
    source.limits,
  )
