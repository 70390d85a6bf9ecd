import { basename } from 'node:path'
import { printModel } from '@unplugin-onnx/core'
import { Command } from 'commander'
import { count } from './arguments'
import { summaryOf } from './inspect/summary'
import { textOf } from './inspect/text'
import { withModel } from './model-file'
import { print } from './report'

interface Flags {
  readonly graph?: true
  readonly layers: number
  readonly run?: true
  readonly json?: true
}

export const inspectCommand = (): Command =>
  new Command('inspect')
    .description('say what a model is made of, what it costs, and where it runs')
    .argument('<model>', 'the .onnx file')
    .option('-g, --graph', 'print the whole graph, in the textual syntax of ONNX')
    .option('-l, --layers <count>', 'list so many of the largest layers', count, 10)
    .option('--run', 'run it once on made-up inputs, for shapes that the model leaves open')
    .option('--json', 'print JSON')
    .action(inspect)

async function inspect(file: string, { graph, layers, run, json }: Flags): Promise<void> {
  await withModel(
    file,
    async (model, bytes, _, { itself }) => {
      if (graph) {
        process.stdout.write(`${printModel(model)}\n`)
        return
      }
      const summary = await summaryOf(model, basename(file), { bytes, itself, run: run === true })
      if (json) print(summary)
      else process.stdout.write(textOf(summary, layers))
    },
    graph ? 'in memory' : 'on disk',
  )
}
