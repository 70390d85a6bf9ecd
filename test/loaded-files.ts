/** What a process of Node loads. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

const hooks = `import { writeSync } from 'node:fs'
export const load = (url, context, next) => (writeSync(2, 'loaded ' + url + '\\n'), next(url, context))`
const hooked = `import { register } from 'node:module'
register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hooks))})`

/** Paths of the files that a script loads, which has to end well. */
export function filesLoadedBy(args: readonly string[], cwd: string): string[] {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hooked)}`, ...args],
    { cwd, encoding: 'utf8' },
  )
  expect(status, `${stdout}\n${stderr}`).toBe(0)
  return [...stderr.matchAll(/^loaded (file:.*)$/gm)].map(([, url = '']) => fileURLToPath(url))
}

/** The package that a file lies in: its name, or the folder's in packages/. */
export function packageOf(file: string): string {
  const path = file.replaceAll('\\', '/')
  const inside = path.split('/node_modules/').at(-1) ?? ''
  if (inside === path) return /\/packages\/(\w+)\//.exec(path)?.[1] ?? path
  return inside.split('/', inside.startsWith('@') ? 2 : 1).join('/')
}
