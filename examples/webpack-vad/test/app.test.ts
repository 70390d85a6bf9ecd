/** The app as webpack builds it, in Chromium. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launch } from '../../../test/harness/browser.mjs'
import { serve } from '../../../test/harness/server.mjs'
import { type Built, buildExample, isolation } from '../../testing'

interface Segment {
  readonly start: number
  readonly end: number
}
interface Result {
  readonly seconds: number
  readonly segments: readonly Segment[]
  readonly model: { readonly provider: string; readonly recipe: string; readonly bytes: number }
  readonly source: {
    readonly segments: readonly Segment[]
    readonly bytes: number
    readonly maxDifference: number
  }
}

let built: Built
let server: Awaited<ReturnType<typeof serve>>
let browser: Awaited<ReturnType<typeof launch>>
beforeAll(async () => {
  built = await buildExample(import.meta.dirname, ['webpack-cli', 'webpack-cli'], (out) => [
    '--output-path',
    out,
  ])
  server = await serve(built.out, { headers: isolation })
  browser = await launch()
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await server?.close()
  built?.remove()
})

it('hears three stretches of speech in the sample and no door knock, as the source model does', async () => {
  const { result, error, problems } = await browser.visit(`${server.url}?source`, { timeout: 120_000 })
  expect(error).toBeUndefined()
  // The player stops loading its recording once it knows enough: no fault.
  expect(problems.filter((problem) => !/ERR_ABORTED: blob:/.test(problem))).toEqual([])
  const { segments, model, source, seconds } = result as Result
  expect(seconds).toBeCloseTo(8.12, 1)
  const about = (start: number, end: number) => ({
    start: expect.closeTo(start, 0),
    end: expect.closeTo(end, 0),
  })
  expect(segments).toEqual([about(1.0, 1.8), about(2.1, 4.2), about(5.5, 7.2)])
  expect(source.segments).toEqual(segments)
  expect(source.maxDifference).toBeLessThan(0.1)
  expect(model.provider).toBe('wasm')
  expect(model.bytes / source.bytes).toBeLessThan(1 / 3)
}, 150_000)

it('leaves the WebGPU build of onnxruntime out', () => {
  const binaries = [...built.files.keys()].filter((name) => name.endsWith('.wasm'))
  expect(binaries).toHaveLength(1)
})
