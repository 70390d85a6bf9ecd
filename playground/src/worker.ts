/** Where models are read, converted and run: the page stays free to show how far that is, and to end it. */
import {
  type BrowserEngine,
  convertInMemory,
  type InMemoryOptions,
  type MemoryInputs,
  type MemoryModel,
  type ModelOptions,
  type Overview,
  overviewOf,
  type ProgressEvent,
  progress,
  type ReportData,
  registry,
  startEngine,
  type TransformedInMemory,
  transformInMemory,
} from '@unplugin-onnx/build/browser'
import type { Step, StepResult } from '@unplugin-onnx/core'
import { expose } from 'comlink'
import onnxruntime from 'unplugin-onnx/engine/wasm'
import { type Answer, answering } from './answer'
import { inputsOf, modelOf } from './files'

/** What a conversion came to: a report as a build writes it, and the files themselves. */
export interface Outcome {
  readonly report: ReportData
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>
  /** What each pass did, where passes were chosen and not targets. */
  readonly passes?: readonly StepResult[]
  /** Why the result could not be held against its source. */
  readonly problem?: string
  readonly seconds: number
}

let engine: Promise<BrowserEngine> | undefined
let model: MemoryModel | undefined
/** What the last conversion made, by recipe: it stays here until somebody wants it. */
let tried: ReadonlyMap<string, Uint8Array> = new Map()

async function start(): Promise<BrowserEngine> {
  const module = await onnxruntime.load()
  const { env } = 'InferenceSession' in module ? module : module.default
  Object.assign(env.wasm, { wasmPaths: onnxruntime.files })
  return startEngine(module)
}

const engineStarted = (): Promise<BrowserEngine> => {
  engine ??= start()
  return engine
}

function opened(): MemoryModel {
  if (model === undefined) throw new Error('no model is open')
  return model
}

/** What both ways of making one have in common. */
type Made = Pick<TransformedInMemory, 'report' | 'files'> &
  Partial<Pick<TransformedInMemory, 'passes' | 'problem'>>

async function making(
  inputs: File | undefined,
  onProgress: (event: ProgressEvent) => void,
  make: (source: MemoryModel, options: InMemoryOptions) => Promise<Made>,
): Promise<Outcome> {
  const start = performance.now()
  const source = opened()
  const given: MemoryInputs | undefined = inputs && (await inputsOf(inputs))
  const { files, ...made } = await make(source, {
    engine: await engineStarted(),
    inputs: given,
    onProgress: (stage, recipe, step) => onProgress(progress(source.name, stage, recipe, step)),
  })
  return {
    ...made,
    files: files as Outcome['files'],
    seconds: (performance.now() - start) / 1000,
  }
}

const api = {
  registry,

  /** @returns the version of onnxruntime-web, when all of its files are loaded */
  start: (): Promise<Answer<string>> =>
    answering('onnxruntime-web', async () => (await engineStarted()).version),

  /** Reads a model, and tells what can be told without running it. */
  open: (files: readonly File[]): Promise<Answer<Overview>> =>
    answering(files[0]?.name ?? '', async () => {
      const read = await modelOf(files)
      const overview = overviewOf(read)
      model = read
      return overview
    }),

  convert: (
    options: Omit<ModelOptions, 'calibration'>,
    inputs: File | undefined,
    onProgress: (event: ProgressEvent) => void,
  ): Promise<Answer<Outcome>> =>
    answering(model?.name ?? '', () =>
      making(inputs, onProgress, async (source, how) => {
        const { tried: all, report, files } = await convertInMemory(source, options, how)
        tried = all
        return { report, files }
      }),
    ),

  /** A candidate of the last conversion, chosen or not. */
  candidate: (recipe: string): Promise<Answer<Uint8Array<ArrayBuffer>>> =>
    answering(model?.name ?? '', async () => {
      const bytes = tried.get(recipe)
      if (bytes === undefined) throw new Error(`${recipe} was not made`)
      return bytes as Uint8Array<ArrayBuffer>
    }),

  transform: (
    steps: readonly Step[],
    inputs: File | undefined,
    onProgress: (event: ProgressEvent) => void,
  ): Promise<Answer<Outcome>> =>
    answering(model?.name ?? '', () =>
      making(inputs, onProgress, (source, how) => transformInMemory(source, steps, how)),
    ),
}

export type Api = typeof api

expose(api)
