import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ReportData } from './data'

/** Built, the page lies beside this file; run from source, as tests do, it lies in dist. */
const pageFile = [
  new URL('./report.html', import.meta.url),
  new URL('../../dist/report.html', import.meta.url),
]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path))

export interface RenderOptions {
  /** Of the window. Default: the name of the model, or how many there are. */
  readonly title?: string
  /** An address beside the page that gives the reports as JSON: the page asks it for new ones. */
  readonly live?: string
}

/**
 * One HTML file that shows the reports. It holds its script and its data, and its policy lets it load nothing else; names
 * of models and nodes are text to it, whatever they say.
 */
export function renderReport(reports: readonly ReportData[], { title, live }: RenderOptions = {}): string {
  if (pageFile === undefined) throw new Error('report.html is missing: the package has to be built')
  const parts: Readonly<Record<string, string>> = {
    connect: live === undefined ? "'none'" : "'self'",
    title: escapeText(title ?? titleOf(reports)),
    data: embeddable({ reports, ...(live !== undefined && { live }) }),
  }
  return readFileSync(pageFile, 'utf8').replace(
    /%(connect|title)%|"%(data)%"/g,
    (_, inText?: string, asJson?: string) => parts[inText ?? asJson ?? ''] ?? '',
  )
}

/** The reports as JSON, for who reads them by program; one alone is no array. Lists of numbers have a line each. */
export function reportJson(reports: readonly ReportData[]): string {
  const text = JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2)
  // No string has a line break in it.
  return `${text.replace(/\[\n\s+([-+.\deE,\s]+?)\s+\]/g, (_, numbers: string) => `[${numbers.replace(/\s+/g, ' ')}]`)}\n`
}

function titleOf(reports: readonly ReportData[]): string {
  const [first] = reports
  if (first === undefined || reports.length > 1) return `${reports.length} models`
  return first.manifest.source.file.split(/[/\\]/).at(-1) ?? ''
}

/** JSON that can't end the script element it lies in, begin a comment, or break a line where JavaScript sees one. */
function embeddable(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

const entities: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' }

const escapeText = (text: string): string => text.replace(/[<>&"]/g, (character) => entities[character] ?? '')
