import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import {
  type Conversion,
  putWhole,
  type ReportData,
  readReport,
  renderReport,
  reportJson,
} from '@unplugin-onnx/build/plugin'

/** What all conversions of a build, or of a dev server's life, came to. */
export interface Reports {
  add(conversion: Conversion): void
  /** The newest of each model and its targets, in the order they were first converted in. */
  all(): Promise<readonly ReportData[]>
  /** Another one after each conversion. */
  readonly version: number
  /**
   * Writes the report, unless nothing was converted since the last time.
   * @returns the path of the page, if it was written
   */
  write(root: string, report: boolean | string): Promise<string | undefined>
}

/** The project's root, not the output: what a build makes is deployed, and this is for who builds. */
const defaultFile = 'onnx-report.html'

export function createReports(): Reports {
  const conversions = new Map<string, Conversion>()
  const read = new WeakMap<Conversion, Promise<ReportData>>()
  let version = 0
  let written = 0

  const all = () =>
    Promise.all(
      [...conversions.values()].map((conversion) => {
        const reading = read.get(conversion) ?? readReport(conversion)
        read.set(conversion, reading)
        return reading
      }),
    )

  return {
    add(conversion) {
      const { source, variants } = conversion.manifest
      const key = JSON.stringify([source.file, variants.map(({ target }) => target)])
      if (conversions.get(key)?.key === conversion.key) return
      conversions.set(key, conversion)
      version++
    },
    all,
    get version() {
      return version
    },
    async write(root, report) {
      if (report === false || version === written) return undefined
      written = version
      const page = resolve(root, report === true ? defaultFile : report)
      const reports = await all()
      await replaceFile(page.replace(/\.html$/, '.json'), reportJson(reports))
      await replaceFile(page, renderReport(reports))
      return page
    },
  }
}

/** Watchers see every write, and nobody may see half of one. */
async function replaceFile(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  await mkdir(dirname(path), { recursive: true })
  await putWhole(path, (temporary) => writeFile(temporary, text, { flag: 'wx' }))
}
