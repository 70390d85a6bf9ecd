import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Endings that a path in an import may leave out, or write in place of TypeScript's. */
const endings = ['', '.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json', '/index.ts', '/index.js'] as const

/** What is imported, and what is read from beside a module: new URL('rows.json', import.meta.url). */
const mentions = /['"`](\.\.?\/[^'"`\n]*)['"`]|new URL\(\s*['"`]([^'"`\n]+)['"`]\s*,\s*import\.meta\.url/g

const isModule = (path: string) => /\.[cm]?[jt]s$/i.test(path)

/**
 * The files that a module needs beside it: all that a relative path in quotes leads to, or one in `new URL(…,
 * import.meta.url)`, in it and in the modules it leads to, whether they are imported or read. What is put together from pieces, and what lies in packages, isn't seen.
 * @returns absolute paths in order, without the module's own
 */
export async function localFiles(module: string): Promise<string[]> {
  const found = new Set<string>()
  const left = [module]
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const text = await readFile(path, 'utf8').catch(() => '')
    for (const [, imported, read] of text.matchAll(mentions)) {
      const file = await fileAt(resolve(dirname(path), imported ?? read ?? ''))
      if (file === undefined || file === module || found.has(file)) continue
      found.add(file)
      if (isModule(file)) left.push(file)
    }
  }
  return [...found].sort()
}

async function fileAt(path: string): Promise<string | undefined> {
  const bare = path.replace(/\?.*$/, '')
  const candidates = [...endings.map((ending) => bare + ending), bare.replace(/\.([cm]?)js$/, '.$1ts')]
  for (const candidate of candidates) {
    const found = await stat(candidate).catch(() => undefined)
    if (found?.isFile()) return candidate
  }
  return undefined
}
