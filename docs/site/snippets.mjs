/**
 * Every fenced block of the docs, and what holds it to the truth. A block that no test runs says so, and why, in a line of
 * its own in front of it, which the site shows: `<!-- not run: reason -->`. One that a test of its own runs names it:
 * `<!-- run by: test/… -->`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

/** README.md and the pages, relative to the root. */
export const sources = () => [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]

const fence = /^(?:<!-- (not run|run by|file): (.+) -->\n)?```(\S*)\n([\s\S]*?)^```$/gm

/**
 * @param {string} file
 * @returns {{ file: string, line: number, mark?: string, reason?: string, language: string, body: string }[]}
 */
export function snippetsOf(file) {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(fence)].map(({ index, 1: mark, 2: reason, 3: language = '', 4: body = '' }) => ({
    file,
    line: text.slice(0, index).split('\n').length,
    ...(mark === undefined ? {} : { mark, reason }),
    language,
    body,
  }))
}

/** What runs a block that has no mark, by its language; where it is empty nothing does. */
const runners = [
  // Compiled by test/docs.test.ts as a user would.
  { runs: ({ file, language }) => file.startsWith('docs/') && language === 'ts' },
  // Written into an app that all bundlers build, by test/readme-app.test.ts.
  { runs: ({ file, body }) => file === 'README.md' && /^\/\/ \S+\n/.test(body) },
  // Run by test/docs-snippets.test.ts.
  { runs: ({ language }) => ['console', 'yaml', 'json', 'html'].includes(language) },
]

/** @returns {string[]} a line for each block that no test runs and that does not say why */
export function unrunSnippets() {
  return sources()
    .flatMap(snippetsOf)
    .filter((snippet) =>
      snippet.mark === 'run by'
        ? !existsSync(join(root, snippet.reason))
        : snippet.mark === undefined && !runners.some(({ runs }) => runs(snippet)),
    )
    .map(({ file, line, language }) => `${file}:${line}: nothing runs this block of ${language || 'text'}`)
}
