/** What the pages of examples/frameworks show, and what the models say themselves. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { picture } from '../../examples/frameworks/react-vite/src/picture'
import numbers from '../../examples/frameworks/transformers/src/sentences.json'
import { idsOf } from '../../examples/recipes/words'

const examples = resolve(import.meta.dirname, '../../examples/frameworks')
const open = (model: string) => InferenceSession.create(readFileSync(resolve(examples, model)))

export interface Shown {
  /** What the scores come to. */
  readonly answer: string
  readonly scores: readonly number[]
}

const best = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores))

/** The source model in onnxruntime. */
export async function digit(): Promise<Shown> {
  const { y } = await (await open('react-vite/src/digits.onnx')).run({
    x: new Tensor('float32', picture, [1, 64]),
  })
  const scores = Array.from((y?.data ?? []) as Float32Array)
  return { answer: String(best(scores)), scores }
}

/** The same of sentences: the mean of the words' vectors, and the cosine between two of them. */
export async function alike(): Promise<Shown> {
  const session = await open('transformers/src/numbers.onnx')
  const vectorOf = async (sentence: string) => {
    const ids = idsOf(sentence)
    const { last_hidden_state } = await session.run({
      input_ids: new Tensor('int64', ids, [1, ids.length]),
    })
    const words = (last_hidden_state?.data ?? []) as Float32Array
    const width = words.length / ids.length
    const sums = Array.from({ length: width }, (_, at) =>
      words.reduce((sum, value, index) => (index % width === at ? sum + value : sum), 0),
    )
    const length = Math.hypot(...sums)
    return sums.map((value) => value / length)
  }
  const wanted = await vectorOf(numbers.question)
  const scores: number[] = []
  for (const sentence of numbers.sentences) {
    const vector = await vectorOf(sentence)
    scores.push(vector.reduce((sum, value, at) => sum + value * (wanted[at] ?? 0), 0))
  }
  return { answer: numbers.sentences[best(scores)] ?? '', scores }
}

/** The likeliest is the same, and what differs is less than the default budget of 25 dB allows. */
export function expectScores(scores: readonly number[], { scores: truth }: Shown): void {
  const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0)
  expect(scores).toHaveLength(truth.length)
  expect(best(scores)).toBe(best(truth))
  const noise = squares(scores.map((score, at) => score - (truth[at] ?? 0)))
  expect(10 * Math.log10(squares(truth) / noise)).toBeGreaterThan(20)
}

/** To be called before a page loads: hands over what it comes to show. */
export const watchPage = (page: Page) =>
  page.addInitScript(() => {
    const result = globalThis as { __result?: Shown; __error?: string }
    const look = () => {
      const alert = document.querySelector('[role="alert"]')?.textContent
      const scores = [...document.querySelectorAll('ol li')].map(({ textContent }) => Number(textContent))
      const answer = document.querySelector('output')?.textContent
      if (alert) result.__error = alert
      else if (answer && scores.length > 0) result.__result = { answer, scores }
      else setTimeout(look, 20)
    }
    look()
  })
