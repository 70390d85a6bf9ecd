/** Runs what was built, and holds it against the source model and against the files of the build. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { env, InferenceSession, Tensor } from 'onnxruntime-web'
import { modelFile } from '../apps'
import type { launch } from '../harness/browser.mjs'
import type { Target } from './cases'

export type Browser = Awaited<ReturnType<typeof launch>>

interface Ran {
  readonly target: Target
  readonly outputs: Readonly<Record<string, readonly number[]>>
  readonly source?: { readonly status: number; readonly bytes: number }
}

/** What the default budget, `balanced`, holds every variant to, in dB. */
const tolerance = 25

const references = new Map<string, Promise<Readonly<Record<string, readonly number[]>>>>()

/** What the untouched source gives for the app's ramp from 0 to 1. */
function reference(model: string) {
  const known = references.get(model) ?? runSource(model)
  references.set(model, known)
  return known
}

async function runSource(model: string) {
  env.wasm.numThreads = 1
  const session = await InferenceSession.create(readFileSync(modelFile(model)))
  const [input] = session.inputMetadata
  const size = Number(input?.isTensor && input.shape.at(-1))
  const ramp = Float32Array.from({ length: size }, (_, index) => index / (size - 1))
  const outputs = await session.run({ [session.inputNames[0]!]: new Tensor('float32', ramp, [1, size]) })
  await session.release()
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
  )
}

/** Signal-to-noise ratio in dB. */
function sqnr(wanted: readonly number[], got: readonly number[]): number {
  const signal = wanted.reduce((sum, value) => sum + value ** 2, 0)
  const noise = wanted.reduce((sum, value, index) => sum + (value - (got[index] ?? Number.NaN)) ** 2, 0)
  return noise === 0 ? 200 : 10 * Math.log10(signal / noise)
}

async function checkResult(result: unknown, model: string, target: Target): Promise<void> {
  const { target: ranOn, outputs, source } = result as Ran
  if (ranOn !== target) throw new Error(`It ran on ${ranOn}. ${JSON.stringify(result)}`)
  for (const [name, wanted] of Object.entries(await reference(model))) {
    const agreement = sqnr(wanted, outputs[name] ?? [])
    if (!(agreement > tolerance)) throw new Error(`The output ${name} is ${agreement} dB from the source's.`)
  }
  const bytes = readFileSync(modelFile(model)).byteLength
  if (source && (source.status !== 200 || source.bytes !== bytes))
    throw new Error(`?url gives ${JSON.stringify(source)}.`)
}

export interface PageCheck {
  readonly model: string
  readonly target: Exclude<Target, 'node'>
  /** Whether an address is one that the build answers for; undefined: a server decides. */
  readonly has?: (url: URL) => boolean
}

/** Opens a page in Chromium. It fails on wrong outputs, console errors, failed requests, and a second .wasm. */
export async function checkPage(browser: Browser, url: string, { model, target, has }: PageCheck) {
  const { result, error, problems, requests } = await browser.visit(`${url}?provider=${target}`)
  if (error !== undefined || problems.length > 0)
    throw new Error(JSON.stringify({ error, problems }, undefined, 1))
  await checkResult(result, model, target)
  const urls = requests
    .map((request) => new URL(request.url))
    .filter(({ protocol }) => /^http/.test(protocol))
  const foreign = has && urls.filter((each) => !has(each))
  if (foreign && foreign.length > 0) throw new Error(`Not in the build: ${foreign.join(', ')}`)
  // Vite's dev server has a module for each URL.
  const wasm = urls.filter(
    ({ pathname, searchParams }) => pathname.endsWith('.wasm') && !searchParams.has('import'),
  )
  if (wasm.length !== 1) throw new Error(`It loaded ${wasm.join(', ') || 'no .wasm'}.`)
}

const run = promisify(execFile)

/** Runs a server build in a Node of its own. */
export async function checkServer(file: string, model: string): Promise<void> {
  const code = `
    import { readFileSync } from 'node:fs'
    const { run, sourceUrl } = await import(${JSON.stringify(pathToFileURL(file).href)})
    const source = { status: sourceUrl.startsWith('file:') ? 200 : 0, bytes: readFileSync(new URL(sourceUrl)).byteLength }
    console.log(JSON.stringify({ ...(await run()), source }))`
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', code])
  if (stderr !== '') throw new Error(stderr)
  await checkResult(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), model, 'node')
}

export const checkRun = (result: unknown, model: string) => checkResult(result, model, 'node')
