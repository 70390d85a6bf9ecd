import { describe, expect, it } from 'vitest'
import type { ReportData } from '../src/report/data'
import { withFileNames } from '../src/report/read'
import { renderReport, reportJson } from '../src/report/render'

const reportOf = (file: string): ReportData => ({
  version: 1,
  manifest: {
    version: 1,
    source: { file, bytes: 10, brotliBytes: 9, sha256: '', external: [] },
    inputs: [],
    outputs: [],
    variants: [
      {
        target: 'wasm',
        provider: 'wasm',
        file: 'int8.onnxv',
        bytes: 5,
        brotliBytes: 4,
        sha256: '',
        recipe: 'int8',
        accuracy: { sqnr: 40, cosine: 1, maxError: 0 },
      },
    ],
    candidates: [],
    verifiedOn: { source: 'calibration', samples: 1 },
    engines: {},
    warnings: [],
  },
  budget: {},
  prefer: 'balanced',
  effort: 'default',
  candidates: [],
  layers: [
    {
      name: 'w',
      node: 'n',
      opType: 'MatMul',
      dims: [2, 2],
      dataType: 'float32',
      bytes: 16,
      variants: [{ file: 'int8.onnxv', dataType: 'int8', bytes: 4 }],
      weights: { from: -1, to: 1, counts: [1, 2, 1] },
    },
  ],
})

const dataOf = (page: string): string =>
  /<script type="application\/json" id="data">(.*)<\/script>/.exec(page)?.[1] ?? ''
const dataIn = (page: string): unknown => JSON.parse(dataOf(page))

describe('the page of a report', () => {
  it('holds the data as it was', () => {
    const reports = [reportOf('a.onnx'), reportOf('b.onnx')]
    expect(dataIn(renderReport(reports))).toEqual({ reports })
  })

  it.each(['</script><b>', '<!--<script>', 'a\u2028b\u2029c', '&lt;', '%title%$&', '\ud800'])(
    'has no markup from a name: %j',
    (file) => {
      const reports = [reportOf(file)]
      const page = renderReport(reports)
      expect(dataIn(page)).toEqual({ reports })
      expect(page.includes('<b>')).toBe(false)
      expect(dataOf(page)).not.toMatch(/[<>&\u2028\u2029]/)
      expect(page.match(/<script/g)).toHaveLength(renderReport([]).match(/<script/g)!.length)
    },
  )

  it('has the name of its model as title, as text', () => {
    const titleOf = (page: string) => /<title>(.*)<\/title>/.exec(page)?.[1]
    expect(titleOf(renderReport([reportOf('models/<i>&.onnx')]))).toBe('&lt;i&gt;&amp;.onnx')
    expect(titleOf(renderReport([reportOf('a'), reportOf('b')]))).toBe('2 models')
    expect(titleOf(renderReport([], { title: 'Ours' }))).toBe('Ours')
  })

  it('may ask nobody, but for a dev server its own', () => {
    const policyOf = (page: string) => /Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1]
    expect(policyOf(renderReport([]))).toMatch(
      /default-src 'none'; script-src 'sha256-\S+'.*connect-src 'none'/,
    )
    expect(policyOf(renderReport([], { live: 'reports.json' }))).toContain("connect-src 'self'")
  })

  it('is small enough to be mailed, and carries the licences of what is in it', () => {
    const page = renderReport([])
    expect(page.length).toBeLessThan(400_000)
    const licences = /id="licences">([^<]*)</.exec(page)?.[1]
    expect(licences).toContain('@observablehq/plot')
    expect(licences).toContain('Permission to use, copy, modify')
  })
})

describe('the report as JSON', () => {
  it('is one object for one model, an array for several, and has lists of numbers in one line', () => {
    const report = reportOf('a.onnx')
    expect(JSON.parse(reportJson([report]))).toEqual(report)
    expect(JSON.parse(reportJson([report, report]))).toEqual([report, report])
    expect(reportJson([report])).toContain('"counts": [1, 2, 1]')
  })

  it('follows its variants to other names', () => {
    const { manifest, layers } = withFileNames(reportOf('a'), (file) => file.replace('.onnxv', '.onnx'))
    expect(manifest.variants[0]?.file).toBe('int8.onnx')
    expect(layers[0]?.variants[0]?.file).toBe('int8.onnx')
  })
})
