/** The report's page in a real Chromium, opened from disk as people open it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { convert, type ReportData, readReport, renderReport } from '@unplugin-onnx/build'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { modelFile } from './apps'
import { launch } from './harness/browser.mjs'

const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-report-'))
let browser: Awaited<ReturnType<typeof launch>>
/** A real one: of a convolutional network that has several layers. */
let report: ReportData

beforeAll(async () => {
  browser = await launch({ webgpu: false })
  const conversion = await convert(modelFile('digits_cnn.onnx'), {
    root: import.meta.dirname,
    cacheDir: join(folder, 'cache'),
    targets: ['wasm'],
    effort: 'fast',
    calibration: modelFile('digits_cnn.npz'),
  })
  report = await readReport(conversion)
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

type VisitOptions = NonNullable<Parameters<typeof browser.visit>[1]>

/** Opens a report from disk, and looks at it. */
async function open<T>(
  reports: readonly ReportData[],
  look: (page: Page) => Promise<T>,
  options: VisitOptions = {},
) {
  const file = join(folder, 'report.html')
  writeFileSync(file, renderReport(reports))
  return await visit(pathToFileURL(file).href, look, options)
}

async function visit<T>(url: string, look: (page: Page) => Promise<T>, options: VisitOptions = {}) {
  const before = (page: Page) =>
    page.addInitScript(
      'addEventListener("load", () => setTimeout(() => { globalThis.__result = true }, 100))',
    )
  const { extra, problems, requests } = await browser.visit(url, { before, after: look, ...options })
  return { seen: extra as T, problems, requests: requests.map((request) => request.url) }
}

const count = (page: Page, selector: string) => page.locator(selector).count()
const focused = (page: Page) =>
  page.evaluate(
    () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent,
  )

describe('a report opened from disk', () => {
  it('asks for nothing, reports no error, and has a mark for everything it is about', async () => {
    const { seen, problems, requests } = await open([report], async (page) => ({
      heading: await page.locator('h1').textContent(),
      cards: await count(page, '.card'),
      layers: await count(page, '[data-mark=layer]'),
      cells: await count(page, '[data-mark=treemap]'),
      noises: await count(page, '[data-mark=noise]'),
      candidates: await count(page, '[data-mark=candidate]'),
      bars: await count(page, '.histogram .bars rect'),
      reasons: await page.locator('td.why').allTextContents(),
    }))
    expect(problems).toEqual([])
    expect(requests).toHaveLength(1)
    expect(seen.heading).toBe('digits_cnn.onnx')
    expect(seen.cards).toBe(1)
    expect(seen.layers).toBe(report.layers.length)
    expect(seen.layers).toBeGreaterThan(2)
    // Each layer before and after, and the rest of both files.
    expect(seen.cells).toBe(2 * report.layers.length + 2)
    expect(seen.noises).toBeGreaterThan(0)
    expect(seen.candidates).toBe(marksOf(report))
    expect(seen.bars).toBeGreaterThan(10)
    for (const { reason } of report.candidates) expect(seen.reasons.join('\n')).toContain(reason)
  })

  it('is used by keyboard alone: layers, marks and targets', async () => {
    const { seen } = await open([report], async (page) => {
      await page.locator('[data-mark=layer]').first().focus()
      await page.keyboard.press('ArrowDown')
      const layer = await page.locator('[data-mark=layer][aria-selected=true] .name').first().textContent()
      const heading = await page.locator('.panel h3').textContent()
      await page.locator('.treemap').first().locator('[tabindex="0"]').focus()
      const first = await focused(page)
      await page.keyboard.press('ArrowRight')
      const second = await focused(page)
      const shown = await page.locator('.tooltip.shown strong').textContent()
      // One stop for a whole chart: the next one is behind it.
      await page.keyboard.press('Tab')
      const behind = await page.evaluate(() => document.activeElement?.closest('.treemap')?.ariaLabel)
      return { layer, heading, first, second, shown, behind }
    })
    expect(seen.layer).toBe(report.layers[1]?.node)
    expect(seen.heading).toBe(seen.layer)
    expect(seen.first).not.toBe(seen.second)
    expect(seen.second).toContain(seen.shown)
    expect(seen.behind).toMatch(/^After/)
  })

  it('is dark where the system is, and where it is asked to be', async () => {
    const background = (page: Page) =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await open([report], background)
    const dark = await open([report], background, { dark: true })
    const toggled = await open([report], async (page) => {
      await page.getByRole('button', { name: 'Switch between light and dark' }).click()
      return background(page)
    })
    expect(dark.seen).not.toBe(light.seen)
    expect(toggled.seen).toBe(dark.seen)
  })

  it('fits a phone, and prints on white without its buttons', async () => {
    const phone = await open([report], (page) => page.evaluate(() => document.documentElement.scrollWidth), {
      width: 390,
    })
    expect(phone.seen).toBe(390)
    const print = await open(
      [report],
      async (page) => {
        await page.emulateMedia({ media: 'print' })
        return {
          background: await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor),
          toggle: await page.locator('.theme').isVisible(),
          treemaps: await page.locator('.treemap').first().isVisible(),
        }
      },
      { dark: true },
    )
    expect(print.seen).toEqual({ background: 'rgb(255, 255, 255)', toggle: false, treemaps: true })
  })

  it('shows on a phone why candidates were taken or dropped, without scrolling sideways', async () => {
    const { seen } = await open(
      [report],
      (page) =>
        page.evaluate(() => {
          const table = document.querySelector('.scroll:has(.why)')
          const box = (element: Element) => element.getBoundingClientRect()
          const rows = [...(table?.querySelectorAll('tbody tr') ?? [])]
          return {
            sideways: (table?.scrollWidth ?? 0) - (table?.clientWidth ?? 0),
            right: Math.max(...rows.flatMap((row) => [...row.children].map((cell) => box(cell).right))),
            // Less than a line is left empty at the end of each.
            empty: Math.max(
              ...rows.map(
                (row) => box(row).bottom - Math.max(...[...row.children].map((cell) => box(cell).bottom)),
              ),
            ),
            labels: rows.map((row) => getComputedStyle(row.children[1] as Element, '::before').content),
            table: document.querySelectorAll('[role=table] [role=row] [role=cell].why').length,
          }
        }),
      { width: 390 },
    )
    expect(seen.sideways).toBe(0)
    expect(seen.right).toBeLessThanOrEqual(390)
    expect(seen.empty).toBeLessThan(20)
    expect(seen.labels[0]).toContain('Size')
    expect(seen.table).toBe(report.candidates.length)
  })

  it('says of what a time is that many times', async () => {
    const timed: ReportData = {
      ...report,
      candidates: report.candidates.map((candidate) => ({
        ...candidate,
        latency: { ratio: 1.14, milliseconds: 2.5 },
      })),
    }
    const { seen } = await open([timed], async (page) => [
      await page.locator('.card .fact', { hasText: 'a run' }).first().textContent(),
      await page.locator('.scroll:has(.why) td[data-label=time]').first().textContent(),
    ])
    expect(seen).toEqual(["2.50 ms a run1.14× the source's time", "1.14× the source's"])
  })

  it('says in tables what it draws', async () => {
    const { seen } = await open([report], async (page) => {
      const details = page.locator('.as-table').first()
      await details.locator('summary').click()
      // It is made when it is opened.
      await details.locator('tbody tr').first().waitFor()
      return details.locator('tbody tr').allTextContents()
    })
    expect(seen).toHaveLength(report.layers.length)
    expect(seen[0]).toContain(report.layers[0]?.node)
  })

  it('lists several models, and shows the one that is chosen', async () => {
    const other = renamed(report, 'models/other.onnx')
    const { seen } = await open([report, other], async (page) => {
      const before = await page.locator('h1').textContent()
      await page.getByRole('link', { name: /other/ }).click()
      return [before, await page.locator('h1').textContent(), await count(page, '.overview a')]
    })
    expect(seen).toEqual(['digits_cnn.onnx', 'other.onnx', 2])
  })

  it('shows a report without layers, candidates or variants', async () => {
    const bare: ReportData = {
      ...report,
      layers: [],
      candidates: [],
      manifest: { ...report.manifest, candidates: [], warnings: ['Nothing fits.'] },
    }
    const { seen, problems } = await open([bare], (page) => page.locator('.warnings').textContent())
    expect(problems).toEqual([])
    expect(seen).toContain('Nothing fits.')
    const nothing = await open([], (page) => page.locator('h1').textContent())
    expect(nothing.seen).toBe('No model yet')
  })

  it('runs no script but its own, and lets nothing be parsed as HTML', async () => {
    const { seen } = await open([report], (page) =>
      page.evaluate(() => {
        const attempt = (action: () => void) => {
          try {
            action()
            return 'done'
          } catch (error) {
            return (error as Error).name
          }
        }
        return [
          attempt(() => {
            document.body.innerHTML = '<b>markup</b>'
          }),
          attempt(() => {
            const script = document.createElement('script')
            script.textContent = 'globalThis.__hacked = true'
            document.body.append(script)
          }),
          (globalThis as { __hacked?: boolean }).__hacked === true,
        ]
      }),
    )
    expect(seen).toEqual(['TypeError', 'TypeError', false])
  })
})

/** Names that are markup, scripts, templates of ours, properties of objects, and characters that hide or turn text. */
const hostile = [
  '<img src=x onerror="globalThis.__hacked=1">',
  '</script><script>globalThis.__hacked=2</script>',
  '<!--<script>globalThis.__hacked=3',
  '"><svg onload=globalThis.__hacked=4>',
  "%data%%script%$&$'$`",
  '__proto__',
  'constructor',
  'javascript:globalThis.__hacked=5',
  'line\u2028and\u2029paragraph',
  'user\u202egnp.exe\u202c\u2066\u200b',
  'bell\u0007\u001b[31mred\u0000\r\n',
  '\ud800lone',
]

/** A report in which every name is this one. */
function everywhere(text: string): ReportData {
  const { layers, manifest, candidates } = report
  return {
    ...report,
    manifest: {
      ...manifest,
      source: { ...manifest.source, file: `${text}.onnx` },
      inputs: [{ name: text, type: 'float32', dims: [text, null] }],
      outputs: [{ name: text, type: 'float32' }],
      warnings: [text],
      engines: { [text]: text },
      variants: manifest.variants.map((variant) => ({ ...variant, target: text, recipe: text })),
    },
    budget: { ...report.budget, preset: text },
    candidates: candidates.map((candidate) => ({
      ...candidate,
      target: text,
      recipe: candidate.chosen ? text : candidate.recipe,
      reason: text,
      skipped: [{ node: text, reason: text }],
      outputs: [text, `${text}2`].map((name) => ({ name, sqnr: 30, cosine: 1, maxError: 0 })),
    })),
    layers: layers.map((layer) => ({
      ...layer,
      name: text,
      node: text,
      opType: text,
      dataType: text,
      variants: layer.variants.map((variant) => ({ ...variant, kept: text, dataType: text })),
      noise: { recipe: text, sqnr: 20 },
    })),
  }
}

describe('names that want to be more than text', () => {
  it('stay text wherever they are shown, and run nothing', async () => {
    const { seen, problems, requests } = await open(hostile.map(everywhere), async (page) => {
      const shown: (string | null)[] = []
      for (const index of hostile.keys()) {
        const link = page.locator('.overview a').nth(index)
        await link.click()
        await page.locator(`.overview li:nth-child(${index + 1}) [aria-current]`).waitFor()
        for (const label of ['By kind', 'Largest', 'Noisiest'])
          await page.getByRole('button', { name: label }).click()
        for (const summary of await page.locator('summary:visible').all()) await summary.click()
        for (const mark of ['treemap', 'candidate', 'noise', 'layer']) {
          await page.locator(`[data-mark=${mark}]`).first().hover()
          await page.locator(`[data-mark=${mark}]`).first().focus()
        }
        shown.push(await page.locator('.panel h3').textContent())
      }
      const traces = await page.evaluate(() => ({
        hacked: (globalThis as { __hacked?: unknown }).__hacked,
        // The data, the licences and the page's own.
        scripts: document.scripts.length,
        strangers: document.querySelectorAll('img, iframe, object, embed, [onerror], [onload]').length,
        polluted: 'file' in Object.prototype || 'reports' in Object.prototype,
      }))
      return { shown, traces }
    })
    expect(problems).toEqual([])
    expect(requests).toHaveLength(1)
    expect(seen.traces).toEqual({ hacked: undefined, scripts: 3, strangers: 0, polluted: false })
    for (const [index, text] of hostile.entries()) {
      // What can't be seen is shown as an escape, all else as it is.
      expect(seen.shown[index]).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      if (/^[\x20-\x7e]+$/.test(text)) expect(seen.shown[index]).toBe(text)
    }
  })
})

const renamed = (from: ReportData, file: string): ReportData => ({
  ...from,
  manifest: { ...from.manifest, source: { ...from.manifest.source, file } },
})

/** Those that have a file are in the chart of accuracy, and those that were timed in that of times as well. */
const marksOf = ({ candidates }: ReportData): number =>
  candidates.filter(({ bytes }) => bytes > 0).length +
  candidates.filter(({ latency }) => latency !== undefined).length
