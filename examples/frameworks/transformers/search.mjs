import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { env, pipeline } from '@huggingface/transformers'

env.allowRemoteModels = false
env.localModelPath = fileURLToPath(new URL('./public/models/', import.meta.url))

// model_quantized.onnx is what 'q8' reads, whatever it holds.
const embed = await pipeline('feature-extraction', 'numbers', { dtype: 'q8' })
const vectorOf = async (text) => (await embed(text, { pooling: 'mean', normalize: true })).data

const { question, sentences } = JSON.parse(
  readFileSync(new URL('./src/sentences.json', import.meta.url), 'utf8'),
)
const wanted = await vectorOf(question)
for (const sentence of sentences) {
  const vector = await vectorOf(sentence)
  const score = vector.reduce((sum, value, index) => sum + value * wanted[index], 0)
  console.log(`${score.toFixed(4)}  ${sentence}`)
}
