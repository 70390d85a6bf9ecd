/** What the recipes are run on: models, calibration and labelled data of this repository, and how an app's answers are scored. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readNpz } from 'unplugin-onnx'

const repository = resolve(import.meta.dirname, '../..')
const fixture = (name) => join(repository, 'test/fixtures/models', name)
const labelled = (name) => join(repository, 'bench/accuracy/data', `${name}.test.npz`)
const arraysOf = (name) => Object.fromEntries(readNpz(readFileSync(labelled(name))))

/** A model under the name that the code imports, and what belongs to it. */
const withData = (as, name) => ({
  [`${as}.onnx`]: fixture(`${name}.onnx`),
  // What a model keeps outside of itself goes by the name that stands in the model.
  ...(name === 'digits_ext' && { 'digits_ext.onnx.data': fixture('digits_ext.onnx.data') }),
  'calibration.npz': fixture(`${name}.npz`),
  'labelled.npz': labelled(name),
})

/**
 * @typedef Recipe
 * @property {string} title what it is called in tables
 * @property {string} folder
 * @property {string} entry the app's module
 * @property {'TorchScript' | 'torch.export'} exporter
 * @property {Record<string, string>} files what lies beside the code: names, and where they come from
 * @property {number} drop the most that the score may fall, by what the recipe's configuration promises; absolute
 * @property {(app: any) => Promise<number>} score of the app's answers on labelled data
 */

/** @type {readonly Recipe[]} */
export const recipes = [
  {
    title: 'regression, R²',
    folder: 'regression',
    entry: 'predict.ts',
    exporter: 'TorchScript',
    files: withData('diabetes', 'diabetes_mlp'),
    drop: 0.005,
    score: ({ predict }) => r2Of(predict, 'diabetes_mlp'),
  },
  {
    title: 'classification',
    folder: 'classification',
    entry: 'classify.ts',
    exporter: 'TorchScript',
    files: withData('digits', 'digits_mlp'),
    drop: 0.005,
    score: async ({ classify }) => {
      const { x, labels } = arraysOf('digits_mlp')
      return rightOf(await classify(x.data), labels)
    },
  },
  ...[
    ['torch.export', 'digits_ext'],
    ['TorchScript', 'digits_cnn'],
  ].map(([exporter, name]) => ({
    title: 'pictures',
    folder: 'pictures',
    entry: 'classify.ts',
    exporter,
    files: withData('digits', name),
    drop: 0.005,
    score: async ({ classify }) => {
      const { x, labels } = arraysOf(name)
      return rightOf(await eachRow(x, (pixels) => classify(rgbaOf(pixels))), labels)
    },
  })),
  {
    title: 'sentences, nearest neighbour',
    folder: 'sentences',
    entry: 'search.ts',
    exporter: 'TorchScript',
    files: {
      'encoder.onnx': fixture('num_en_fr_encoder.onnx'),
      'calibration.npz': fixture('num_en_fr_encoder.npz'),
    },
    drop: 0.005,
    score: async ({ search }) => {
      const pairs = JSON.parse(readFileSync(join(import.meta.dirname, 'sentences/pairs.json'), 'utf8'))
      const found = await search(
        pairs.map(({ question }) => question),
        pairs.map((pair) => pair.sentence),
      )
      return shareOf(found, (sentence, index) => sentence === pairs[index].sentence)
    },
  },
  ...[
    ['TorchScript', 'kws_gru'],
    ['torch.export', 'kws_conformer'],
  ].map(([exporter, name]) => ({
    title: 'spoken keywords',
    folder: 'keywords',
    entry: 'recognize.ts',
    exporter,
    files: withData('keywords', name),
    drop: 0.005,
    score: async ({ wordIn, words }) => {
      const { logmel, labels } = arraysOf(name)
      return shareOf(await eachRow(logmel, wordIn), (word, row) => word === words[Number(labels.data[row])])
    },
  })),
  {
    title: 'translation, whole sentences',
    folder: 'translation',
    entry: 'translate.ts',
    exporter: 'TorchScript',
    files: {
      'encoder.onnx': fixture('num_en_fr_encoder.onnx'),
      'decoder.onnx': fixture('num_en_fr_decoder.onnx'),
      'encoder.npz': fixture('num_en_fr_encoder.npz'),
      'decoder.npz': fixture('num_en_fr_decoder.npz'),
    },
    drop: 0.005,
    score: async ({ translate }) => {
      const { src_ids, labels } = arraysOf('num_en_fr')
      const truth = await eachRow(labels, sentenceOf)
      return shareOf(
        await eachRow(src_ids, async (ids) => translate(await sentenceOf(ids))),
        (each, row) => each === truth[row],
      )
    },
  },
]

const vocabulary = JSON.parse(readFileSync(join(import.meta.dirname, 'vocabulary.json'), 'utf8'))
/** Words of a row, without start, end and padding. */
const sentenceOf = async (ids) =>
  Array.from(ids, Number)
    .filter((id) => !['<pad>', '<s>', '</s>'].includes(vocabulary[id]))
    .map((id) => vocabulary[id])
    .join(' ')

async function eachRow({ data, dims: [count] }, answer) {
  const width = data.length / count
  const answers = []
  for (let row = 0; row < count; row++)
    answers.push(await answer(data.subarray(row * width, (row + 1) * width)))
  return answers
}

const shareOf = (answers, right) => answers.filter(right).length / answers.length
const rightOf = (classes, { data }) => shareOf(classes, (each, row) => each === Number(data[row]))

async function r2Of(predict, name) {
  const { x, labels } = arraysOf(name)
  const predicted = await predict(x.data)
  const mean = labels.data.reduce((sum, value) => sum + value, 0) / labels.data.length
  const squares = (other) => labels.data.reduce((sum, value, row) => sum + (value - other(row)) ** 2, 0)
  return 1 - squares((row) => predicted[row]) / squares(() => mean)
}

/** A gray picture from 0 to 1 as a canvas gives it. */
const rgbaOf = (gray) =>
  Uint8ClampedArray.from({ length: gray.length * 4 }, (_, at) =>
    at % 4 === 3 ? 255 : Math.round(gray[at >> 2] * 255),
  )
