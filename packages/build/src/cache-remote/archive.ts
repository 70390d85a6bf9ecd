import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Manifest } from '@unplugin-onnx/runtime'
import { createTarDecoder, createTarPacker, type ParsedTarEntry } from 'modern-tar'
import type { ReportData } from '../report/data'
import { filesOf } from '../variant-files'
import { isManifest, NotAnEntry } from './manifest-shape'

/** Manifest and report are read into memory: they hold numbers and names, and a line for each layer. */
const maxTextBytes = 64 * 2 ** 20

/** What an archive unpacked to. Its other files are where they were unpacked to. */
export interface Unpacked {
  readonly manifest: Manifest
  readonly report: ReportData
}

/**
 * An entry as a tar archive: the manifest, the report, then the variants. The same entry gives the same bytes every time, so
 * that they can be signed in one go and sent in a second one, without a copy on disk or in memory.
 */
export function pack(dir: string, manifest: Manifest): ReadableStream<Uint8Array> {
  const { readable, controller } = createTarPacker()
  const names = ['manifest.json', 'report.json', ...filesOf(manifest).map(({ file }) => file)]
  const add = async () => {
    for (const name of names) {
      const path = join(dir, name)
      const { size } = await stat(path)
      const body = controller.add({ name, size, mtime: new Date(0), mode: 0o644, type: 'file' })
      await (Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>).pipeTo(body)
    }
    controller.finalize()
  }
  add().catch((cause: unknown) => controller.error(cause))
  return readable
}

/**
 * Unpacks an archive, whose signature was checked before, into an empty folder. The first file in it is the manifest; all
 * others have to be the ones that it names, in size and content, once each.
 * @throws NotAnEntry
 */
export async function unpack(archive: string, folder: string): Promise<Unpacked> {
  const entries = (Readable.toWeb(createReadStream(archive)) as ReadableStream<Uint8Array>).pipeThrough(
    createTarDecoder({ strict: true }),
  )
  let manifest: Manifest | undefined
  let report: ReportData | undefined
  const missing = new Map<string, { readonly bytes: number; readonly sha256: string }>()
  try {
    for await (const entry of entries) {
      const { name, size, type } = entry.header
      if (type !== 'file') throw new NotAnEntry('it holds something other than files')
      if (manifest === undefined) {
        if (name !== 'manifest.json') throw new NotAnEntry('it does not begin with a manifest')
        manifest = manifestIn(await textOf(entry))
        for (const file of filesOf(manifest)) missing.set(file.file, file)
      } else if (name === 'report.json' && report === undefined) {
        report = JSON.parse(await textOf(entry)) as ReportData
      } else {
        const expected = missing.get(name)
        if (expected === undefined || expected.bytes !== size || !missing.delete(name))
          throw new NotAnEntry('it holds a file that its manifest does not name')
        await unpackFile(entry, join(folder, name), expected.sha256)
      }
    }
  } catch (cause) {
    if (cause instanceof NotAnEntry) throw cause
    throw new NotAnEntry(`it can't be unpacked (${cause instanceof Error ? cause.message : String(cause)})`)
  }
  if (manifest === undefined || report === undefined || missing.size > 0)
    throw new NotAnEntry('files are missing in it')
  return { manifest, report }
}

function manifestIn(text: string): Manifest {
  const manifest: unknown = JSON.parse(text)
  if (!isManifest(manifest)) throw new NotAnEntry('its manifest is none')
  return manifest
}

async function textOf({ header, body }: ParsedTarEntry): Promise<string> {
  if (header.size > maxTextBytes) throw new NotAnEntry('its manifest or report is too large')
  return new Response(body).text()
}

async function unpackFile({ body }: ParsedTarEntry, path: string, expected: string): Promise<void> {
  const hash = createHash('sha256')
  const handle = await open(path, 'wx')
  try {
    for await (const chunk of body) {
      hash.update(chunk)
      for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
    }
  } finally {
    await handle.close()
  }
  if (hash.digest('hex') !== expected)
    throw new NotAnEntry('a file in it has other content than its manifest says')
}
