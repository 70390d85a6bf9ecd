import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs'

/** A regular file that is open. What it was checked to be, it stays, whatever happens to its path. */
export interface OpenFile {
  readonly descriptor: number
  readonly stats: Stats
}

/** A pipe, a device, a socket or a folder in the place of a file. */
export class NotAFile extends Error {
  override readonly name = 'NotAFile'
}

/**
 * Opens a regular file for reading. Of a named pipe the open would wait for ever, were it not for O_NONBLOCK, and a device
 * may never end.
 * @param flags further ones of fs.constants
 * @throws NotAFile; the system's error
 */
export function openRegular(path: string, flags = 0): OpenFile {
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | flags)
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw new NotAFile('this is no regular file')
    return { descriptor, stats }
  } catch (cause) {
    closeSync(descriptor)
    throw cause
  }
}
