import { openPipeline } from './embed'
import { question, sentences } from './sentences.json'

async function show() {
  const embed = await openPipeline()
  const vectorOf = async (text: string) => (await embed(text, { pooling: 'mean', normalize: true })).data
  const wanted = await vectorOf(question)
  const scores: number[] = []
  for (const sentence of sentences) {
    const vector = await vectorOf(sentence)
    scores.push(vector.reduce((sum: number, value: number, index: number) => sum + value * wanted[index], 0))
  }
  const list = document.querySelector('ol')
  list?.replaceChildren(
    ...scores.map((score) => Object.assign(document.createElement('li'), { textContent: score.toFixed(4) })),
  )
  const output = document.querySelector('output')
  if (output) output.value = sentences[scores.indexOf(Math.max(...scores))] ?? ''
}

show().catch((error) => {
  const alert = document.querySelector('[role="alert"]')
  if (alert) alert.textContent = String(error)
})
