import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isManifest } from './cache-remote/manifest-shape'
import { hashFile, sealOf } from './hash'
import { filesOf } from './variant-files'

/**
 * What is wrong with an entry, if anything: each byte of it has to be as it was written, and under the same key.
 * @param text of its manifest
 * @param verified entries whose hashes held once, with what stat said then; where it says the same, they're taken to hold
 */
export async function damageOf(
  dir: string,
  text: string,
  verified?: Map<string, string>,
): Promise<string | undefined> {
  const digest = await readFile(join(dir, 'manifest.sha256'), 'utf8').catch(() => '')
  // An entry that lies under another key is as wrong as one with other bytes.
  if (digest !== sealOf(basename(dir), text)) return 'manifest.json has other content than was written'
  const manifest = parsed(text)
  // Its own digest tells an accident. Whoever writes into the folder may have made both, and names decide what is opened.
  if (!isManifest(manifest)) return 'manifest.json is no manifest'
  const files = filesOf(manifest)
  const stamps: string[] = [digest]
  for (const { file, bytes } of files) {
    const stats = await stat(join(dir, file)).catch(() => undefined)
    if (stats === undefined) return `${file} is missing`
    if (stats.size !== bytes) return `${file} has another size`
    stamps.push(`${file} ${stats.mtimeMs} ${stats.ino}`)
  }
  // Of a thousand imports of one model, the first hashes its variants and the others see that nothing moved.
  const stamp = stamps.join()
  if (verified?.get(dir) === stamp) return undefined
  for (const [file, expected] of new Map(files.map((each) => [each.file, each.sha256]))) {
    if ((await hashFile(join(dir, file))).sha256 !== expected)
      return `${file} has other content than was written`
  }
  verified?.set(dir, stamp)
  return undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
