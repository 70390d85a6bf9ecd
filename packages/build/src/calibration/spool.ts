import { type FileHandle, open } from 'node:fs/promises'
import { deserialize, serialize } from 'node:v8'
import { type Feeds, sizeOf } from '../arrays'
import type { Scratch } from './on-disk'
import type { Rows, Step } from './sample-source'

/** Twice the samples that anyone takes, and then some. */
const maxKept = 1024

interface Kept {
  readonly offset: number
  readonly bytes: number
  readonly elements: number
  readonly group: number
  readonly name: string
}

/**
 * Keeps samples that come one after the other and can't be asked for again. Of more than 1,024 every second, fourth, … is
 * kept, so that neither memory nor disk grow with their number.
 */
export async function spool(steps: AsyncIterable<Step>, scratch: Scratch): Promise<Rows> {
  const handle = await open(await scratch.path(), 'w+')
  try {
    const kept = await writeSteps(steps, handle)
    return rowsOf(kept, handle)
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function writeSteps(steps: AsyncIterable<Step>, handle: FileHandle): Promise<Kept[]> {
  let kept: Kept[] = []
  let stride = 1
  let ordinal = 0
  let offset = 0
  for await (const { feeds, group, name } of steps) {
    if (ordinal++ % stride !== 0) continue
    const content = serialize(feeds)
    for (let done = 0; done < content.length; )
      done += (await handle.write(content, done, content.length - done, offset + done)).bytesWritten
    kept.push({ offset, bytes: content.length, elements: elementsIn(feeds), group, name })
    offset += content.length
    if (kept.length > maxKept) {
      kept = kept.filter((_, index) => index % 2 === 0)
      stride *= 2
    }
  }
  return kept
}

function rowsOf(kept: readonly Kept[], handle: FileHandle): Rows {
  const rowAt = (index: number): Kept => {
    const row = kept[index]
    if (row === undefined) throw new RangeError(`there is no sample ${index}`)
    return row
  }
  return {
    length: kept.length,
    async at(index) {
      const { offset, bytes } = rowAt(index)
      const content = Buffer.allocUnsafeSlow(bytes)
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await handle.read(content, done, bytes - done, offset + done)
        if (bytesRead === 0) throw new Error('a sample that was kept is gone')
        done += bytesRead
      }
      return deserialize(content) as Feeds
    },
    nameOf: (index) => rowAt(index).name,
    groupOf: (index) => rowAt(index).group,
    elementsOf: (index) => rowAt(index).elements,
    notes: [],
    close: () => handle.close(),
  }
}

export const elementsIn = (feeds: Feeds): number =>
  Object.values(feeds).reduce((sum, { dims }) => sum + sizeOf(dims), 0)
