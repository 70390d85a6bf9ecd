import { correctBias } from './correct-bias'
import { dedupeInitializers } from './dedupe-initializers'
import { eliminateIdentity } from './eliminate-identity'
import { equalizeChannels } from './equalize-channels'
import { float16 } from './float16'
import { foldConstants } from './fold-constants'
import { fuseBatchNorm } from './fuse-batch-norm'
import type { Pass } from './pass'
import { pruneWeights } from './prune-weights'
import { quantizeDynamic } from './quantize-dynamic'
import { quantizeStatic } from './quantize-static'
import { quantizeWeights } from './quantize-weights'
import { removeUnused } from './remove-unused'
import { smoothActivations } from './smooth-activations'
import { sparsifyWeights } from './sparsify-weights'
import { stripMetadata } from './strip-metadata'
import { upgradeOpset } from './upgrade-opset'

/** Every pass there is, by name. Whoever lists passes reads this. */
export const passes: ReadonlyMap<string, Pass> = new Map(
  [
    foldConstants,
    eliminateIdentity,
    removeUnused,
    dedupeInitializers,
    fuseBatchNorm,
    stripMetadata,
    upgradeOpset,
    float16,
    quantizeWeights,
    pruneWeights,
    sparsifyWeights,
    quantizeDynamic,
    quantizeStatic,
    equalizeChannels,
    correctBias,
    smoothActivations,
  ].map((pass) => [pass.name, pass as unknown as Pass]),
)
