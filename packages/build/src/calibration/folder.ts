import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'

export interface FolderFile {
  readonly path: string
  /** Relative to the folder, with slashes. */
  readonly name: string
}

export const isPicture = (name: string): boolean => /\.(jpe?g|png|webp|gif|tiff?|avif)$/i.test(name)
export const isWav = (name: string): boolean => /\.wave?$/i.test(name)

/** All files of a folder and the folders in it but for hidden ones, in an order that is the same on every machine. */
export async function filesIn(folder: string): Promise<FolderFile[]> {
  const names = await readdir(folder, { recursive: true })
  return names
    .map((name) => ({ path: join(folder, name), name: name.split(sep).join('/') }))
    .filter(({ name }) => !name.split('/').some((part) => part.startsWith('.')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
