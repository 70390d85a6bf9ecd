/** What the pages of examples/frameworks show, and what the model says itself. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { picture } from '../../examples/frameworks/react-vite/src/picture'

export { picture }

const session = InferenceSession.create(
  readFileSync(resolve(import.meta.dirname, '../../examples/frameworks/react-vite/src/digits.onnx')),
)

/** The source model in onnxruntime: the likeliest is the same, and what differs is less than the budget of 25 dB allows. */
export async function expectScores(scores: readonly number[]): Promise<void> {
  const { y } = await (await session).run({ x: new Tensor('float32', picture, [1, 64]) })
  const truth = Array.from((y?.data ?? []) as Float32Array)
  const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0)
  expect(scores).toHaveLength(10)
  expect(scores.indexOf(Math.max(...scores))).toBe(truth.indexOf(Math.max(...truth)))
  const noise = squares(scores.map((score, digit) => score - (truth[digit] ?? 0)))
  expect(10 * Math.log10(squares(truth) / noise)).toBeGreaterThan(20)
}

/** To be called before a page loads: hands over what it comes to show. */
export const watchDigit = (page: Page) =>
  page.addInitScript(() => {
    const result = globalThis as { __result?: Shown; __error?: string }
    const look = () => {
      const alert = document.querySelector('[role="alert"]')?.textContent
      const scores = [...document.querySelectorAll('ol li')].map(({ textContent }) => Number(textContent))
      if (alert) result.__error = alert
      else if (scores.length === 10)
        result.__result = { digit: document.querySelector('output')?.textContent ?? '', scores }
      else setTimeout(look, 20)
    }
    look()
  })

export interface Shown {
  readonly digit: string
  readonly scores: readonly number[]
}
