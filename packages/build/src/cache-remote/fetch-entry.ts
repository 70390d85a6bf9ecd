import type { Cache, Entry } from '../cache'
import type { Request } from '../request'
import { variantsOf } from '../targets'
import type { Expected, RemoteCache } from './remote-cache'

/** Of manifest, report and archive, at most. */
const aroundFiles = 64 * 2 ** 20

/**
 * Takes an entry from the server into the local cache, where it is held against its manifest once more.
 * @returns 'missing' where the server has none, 'failed' where nobody knows
 */
export async function fetchEntry(
  remote: RemoteCache,
  cache: Cache,
  key: string,
  asked: Request,
): Promise<Entry | 'missing' | 'failed'> {
  const work = await cache.workFolder()
  try {
    const found = await remote.fetch(key, expectedOf(asked), work)
    return typeof found === 'string' ? found : await cache.commit(work, key, found.manifest, found.report)
  } finally {
    await cache.discard(work)
  }
}

/** No variant is larger than the source. */
function expectedOf({ model, external, targets }: Request): Expected {
  const source = external.reduce((sum, each) => sum + each.bytes, model.bytes)
  const variants = targets.reduce((sum, target) => sum + variantsOf(target).length, 0)
  return { model: model.sha256, maxBytes: source * (variants + 1) + aroundFiles }
}
