/**
 * Puts style and script into the one page that the build package ships, and lets the page's policy allow these two and
 * nothing else. What a report fills in later is marked by `"%data%"`, `%title%` and `%connect%`.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Rolldown } from 'tsdown'

const sha256 = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** A rolldown plugin: one script goes in, one page comes out. */
export function pagePlugin(folder: string): Rolldown.Plugin {
  return {
    name: 'report-page',
    generateBundle(_, bundle) {
      const [[file, chunk] = []] = Object.entries(bundle)
      if (file === undefined || chunk?.type !== 'chunk') throw new Error('the page is made of one script')
      // Nothing in a script element may end it.
      const script = chunk.code.trim().replaceAll('</script', '<\\/script')
      const style = readFileSync(join(folder, 'page.css'), 'utf8').trim()
      const policy = [
        "default-src 'none'",
        `script-src ${sha256(script)}`,
        `style-src ${sha256(style)}`,
        'img-src data:',
        'connect-src %connect%',
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ].join('; ')
      const parts: Readonly<Record<string, string>> = {
        policy,
        style,
        script,
        licences: licencesOf(Object.keys(chunk.modules)).replaceAll('<', '&lt;'),
      }
      const template = readFileSync(join(folder, 'page.html'), 'utf8')
      const source = template.replace(
        /%(policy|licences)%|\/\*(style|script)\*\//g,
        (_, marked?: string, commented?: string) => parts[marked ?? commented ?? ''] ?? '',
      )
      delete bundle[file]
      this.emitFile({ type: 'asset', fileName: 'report.html', source })
    },
  }
}

/** Of the packages whose code is in the page, each text once. */
function licencesOf(modules: readonly string[]): string {
  const packages = new Map<string, string[]>()
  for (const folder of new Set(modules.map(packageOf))) {
    if (folder === undefined) continue
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string }
    const text = readFileSync(join(folder, 'LICENSE'), 'utf8').trim()
    packages.set(text, [...(packages.get(text) ?? []), name])
  }
  return [...packages].map(([text, names]) => `${names.sort().join(', ')}\n\n${text}`).join('\n\n')
}

function packageOf(module: string): string | undefined {
  const at = module.lastIndexOf('/node_modules/')
  if (at === -1) return undefined
  let folder = dirname(module)
  while (folder.length > at && !existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}
