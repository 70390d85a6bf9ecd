import type { Accuracy, Latency, TaskScore } from '@unplugin-onnx/runtime'
import { identical, type OutputAccuracy } from '../accuracy'
import { type Budget, budgets, judge } from '../budget'
import type { UnsupportedNode } from '../operators'
import type { Preference } from '../options'
import { computesInIntegers, isLossless, mixes, sourceRecipe } from '../special-recipes'
import type { Target } from '../targets'
import type { Skip, SourceRun } from '../tasks/task'
import { needsCalibration } from './needs-calibration'
import { reaches, type Verdict } from './score'
import { type Place, sessionOf, type Workshop, type WrittenFile } from './workshop'

/** A recipe that was tried for a target, with all that was measured. */
export interface Tried {
  readonly recipe: string
  readonly bytes: number
  readonly file?: WrittenFile
  readonly accuracy?: Accuracy
  readonly outputs?: readonly OutputAccuracy[]
  readonly latency?: Latency
  readonly task?: TaskScore
  readonly skipped?: readonly Skip[]
  readonly chosen: boolean
  /** One sentence: why it was taken or dropped. */
  readonly reason: string
}

export interface Choice {
  readonly target: Place
  readonly winner: WrittenFile
  readonly recipe: string
  readonly accuracy: Accuracy
  readonly task?: TaskScore
  readonly tried: readonly Tried[]
  /** What was tried and is smaller than what is shipped, where nothing but the source is within the budget. */
  readonly missed?: string
  /** Nodes of the source itself that the provider computes wrongly. */
  readonly wrong?: readonly UnsupportedNode[]
}

/** A candidate on its way through the checks; `reason` says why it is out. */
interface Candidate {
  readonly recipe: string
  readonly file?: WrittenFile
  accuracy?: Accuracy
  outputs?: readonly OutputAccuracy[]
  latency?: Latency
  task?: TaskScore
  reason?: string
  /** Whether the budget is what it missed. */
  missed?: boolean
}

type Made = Candidate & { readonly file: WrittenFile }

/** Measured by turns, a variant that takes this much longer than its source is slower than it, whatever else the machine does. */
const slower = 1.25
/** For speed, variants within this factor of the fastest are as fast, and the smaller one is taken. */
const asFast = 1.1
/** What is left of the smallest file that computes as the source does, at most, for what computes otherwise to be worth it. */
const worthwhile = 0.98

/**
 * Makes a target's candidates, holds them against the budget in the target's engine, and takes the one that is preferred;
 * where none is within the budget, the source itself.
 */
export async function choose(target: Place, workshop: Workshop): Promise<Choice> {
  const { job } = workshop
  const { prefer, effort } = job.options
  const run = await workshop.sourceRun(target.engine)
  const candidates = await makeAll(target, workshop, run)
  const made = candidates.filter((each): each is Made => each.file !== undefined && each.reason === undefined)
  made.sort((a, b) => a.file.bytes - b.file.bytes)
  const exact = Math.min(
    job.totalBytes,
    ...made.filter(({ recipe }) => isLossless(recipe)).map(({ file }) => file.bytes),
  )
  for (const each of made) {
    const [bounced] = workshop.bounced(each.file, target).added
    if (each.file.bytes >= job.totalBytes) each.reason = 'It is not smaller than the source.'
    else if (prefer === 'balanced' && !isLossless(each.recipe) && each.file.bytes > exact * worthwhile)
      each.reason = 'It is hardly smaller than what computes the same as the source.'
    else if (bounced !== undefined)
      each.reason = sentence(
        `${target.provider} has no right ${bounced.opType} of this kind: ${bounced.reason}`,
      )
  }
  const inTheRunning = made.filter(({ reason }) => reason === undefined)
  const budget = budgetFor(workshop, run)

  const check = (each: Made) => verify(each, target, workshop, budget)
  // All of them, for the report to show what else there was; or in order, until one is within the budget.
  if (effort !== 'fast' || prefer === 'speed') await Promise.all(inTheRunning.map(check))
  let winner: Made | undefined
  const rivals: Made[] = []
  for (const each of inTheRunning) {
    if (winner !== undefined && effort === 'fast') break
    await check(each)
    if (each.reason === undefined && winner === undefined) await evaluate(each, target, workshop)
    if (each.reason !== undefined) continue
    const timing = measuresLatency(target) && (effort !== 'fast' || prefer !== 'size' || winner === undefined)
    if (timing) await time(each, target, workshop)
    if (prefer === 'speed') rivals.push(each)
    else if (winner === undefined && (prefer === 'size' || !isSlow(each))) winner = each
    else if (winner === undefined)
      each.reason = `It is slower than the source in ${engineNames[target.engine]}.`
  }
  if (prefer === 'speed') winner = await fastest(rivals, target, workshop)

  if (winner === undefined) return passOn(target, workshop, run, candidates)
  const { recipe, file, accuracy = identical, task } = winner
  const tried = candidates.map((each): Tried => {
    if (each === winner) return triedOf(each, true, reasonFor(winner, prefer))
    return triedOf(
      each,
      false,
      each.reason ??
        `${recipe} is ${prefer === 'speed' ? 'as fast or faster' : 'smaller'} and within the budget.`,
    )
  })
  const missed = isLossless(recipe) ? missedBy(candidates, file.bytes) : undefined
  return {
    target,
    winner: file,
    recipe,
    accuracy,
    tried: ordered(tried),
    ...(task && { task }),
    ...(missed && { missed }),
    ...wrongOf(file, target, workshop),
  }
}

const engineNames = { wasm: 'onnxruntime-web', node: 'onnxruntime-node' } as const

/** Only where the engine that verifies is the one that users run: a GPU's speed says nothing about WebAssembly's, nor back. */
const measuresLatency = ({ provider, engine }: Target): boolean =>
  (provider === 'wasm' && engine === 'wasm') || (provider === 'cpu' && engine === 'node')

const isSlow = ({ latency }: Candidate): boolean => latency !== undefined && latency.ratio > slower

/** Recipes that a target may take, each made; some only where others miss the budget. */
async function makeAll(target: Target, workshop: Workshop, run: SourceRun): Promise<Candidate[]> {
  const { options } = workshop.job
  const budget = budgetFor(workshop, run)
  const wanted = target.recipes.filter(
    (recipe) =>
      (options.recipes?.includes(recipe) ?? true) &&
      // On made-up inputs, what looks at activations would be proven on nothing.
      (!needsCalibration(recipe) || (run.ok && run.source === 'calibration')) &&
      // As small as the same in floats, and faster or slower by machine: nothing to take for its size.
      (!computesInIntegers(recipe) || options.prefer === 'speed' || options.recipes !== undefined),
  )
  const makes = wanted.map(async (recipe): Promise<Candidate[]> => {
    const mix = mixes.get(recipe)
    if (mix === undefined) return [await written(recipe, workshop)]
    const plain = await workshop.write(mix.of)
    if (!plain.ok) return []
    const within = async (name: string, file: WrittenFile) => {
      const verified = await workshop.verify(name, file, target)
      return verified.ok ? judge(verified.accuracy, budget).within : undefined
    }
    const verdict = await within(mix.of, plain)
    // A search takes its time: it is for where the plain recipe runs, but adds too much noise. Where it does not, a mix
    // spares nothing, and is a candidate of its own only if the plain recipe may not be one.
    if (verdict === undefined) return []
    if (verdict) return wanted.includes(mix.of) ? [] : [{ recipe, file: plain }]
    const above = await workshop.write(mix.above.recipe)
    if (!above.ok || !(await within(mix.above.recipe, above))) return []
    if (options.effort === 'fast') return []
    const session = sessionOf(plain, target)
    const mixed = await workshop.mix(
      recipe,
      target.engine,
      session,
      Object.keys(budget).length === 0 ? { sqnr: budgets.balanced.sqnr } : budget,
    )
    return [mixed.ok ? { recipe, file: mixed } : { recipe, reason: sentence(mixed.reason) }]
  })
  return (await Promise.all(makes)).flat()
}

async function written(recipe: string, workshop: Workshop): Promise<Candidate> {
  const file = await workshop.write(recipe)
  return file.ok ? { recipe, file } : { recipe, reason: sentence(file.reason) }
}

async function verify(
  each: Made,
  target: Target,
  workshop: Workshop,
  budget: Partial<Budget>,
): Promise<void> {
  if (each.accuracy !== undefined || each.reason !== undefined) return
  const verified = await workshop.verify(each.recipe, each.file, target)
  if (!verified.ok) {
    each.reason = sentence(verified.reason)
    return
  }
  each.accuracy = verified.accuracy
  each.outputs = verified.outputs
  const verdict = judge(verified.accuracy, budget)
  if (verdict.within) return
  each.reason = sentence(verdict.reason)
  each.missed = true
}

/** Scores a candidate with the user's module, where there is one. */
async function evaluate(each: Made, target: Target, workshop: Workshop): Promise<void> {
  const { task } = workshop.job.options
  if (task === undefined) return
  const source = await workshop.score(sourceRecipe, null, target)
  const variant = source.ok ? await workshop.score(each.recipe, each.file, target) : source
  if (!source.ok || !variant.ok) {
    each.reason = sentence(variant.ok ? 'the source has no score' : variant.reason)
    return
  }
  each.task = { source: source.score, variant: variant.score }
  const verdict: Verdict = reaches(each.task, task, source.lowerIsBetter)
  if (verdict.within) return
  each.reason = sentence(verdict.reason)
  each.missed = true
}

async function time(each: Made, target: Target, workshop: Workshop): Promise<void> {
  const timed = await workshop.time(each.recipe, each.file, target)
  if (timed.ok) each.latency = timed.latency
}

/** The fastest that isn't slower than the source; of those about as fast, the smallest that the user's task allows. */
async function fastest(
  rivals: readonly Made[],
  target: Target,
  workshop: Workshop,
): Promise<Made | undefined> {
  const fit = rivals.filter((each) => {
    if (!isSlow(each)) return true
    each.reason = `It is slower than the source in ${engineNames[target.engine]}.`
    return false
  })
  for (const candidates = [...fit]; candidates.length > 0; ) {
    const best = Math.min(...candidates.map(({ latency }) => latency?.ratio ?? 1))
    const winner = candidates.find(({ latency }) => (latency?.ratio ?? 1) <= best * asFast) as Made
    if (winner.task === undefined) await evaluate(winner, target, workshop)
    if (winner.reason === undefined) return winner
    candidates.splice(candidates.indexOf(winner), 1)
  }
  return undefined
}

async function passOn(
  target: Place,
  workshop: Workshop,
  run: SourceRun,
  candidates: readonly Candidate[],
): Promise<Choice> {
  const winner = await workshop.write(sourceRecipe)
  if (!winner.ok) throw new Error(winner.reason)
  const reason = run.ok
    ? 'No recipe makes it smaller within the budget: the source is passed on as it is.'
    : sentence(`nothing could be verified, so the source is passed on as it is: ${run.reason}`)
  const tried = candidates.map((each) => triedOf(each, false, each.reason ?? 'It was not needed.'))
  const itself: Tried = {
    recipe: sourceRecipe,
    bytes: winner.bytes,
    file: winner,
    accuracy: identical,
    chosen: true,
    reason,
  }
  const missed = missedBy(candidates, winner.bytes)
  return {
    target,
    winner,
    recipe: sourceRecipe,
    accuracy: identical,
    tried: [...ordered(tried), itself],
    ...(missed && { missed }),
    ...wrongOf(winner, target, workshop),
  }
}

function wrongOf(file: WrittenFile, place: Place, workshop: Workshop): Pick<Choice, 'wrong'> {
  const wrong = workshop.bounced(file, place).inherited.filter(({ outcome }) => outcome === 'wrong')
  return wrong.length > 0 ? { wrong } : {}
}

function triedOf(
  { recipe, file, accuracy, outputs, latency, task }: Candidate,
  chosen: boolean,
  reason: string,
): Tried {
  return {
    recipe,
    bytes: file?.bytes ?? 0,
    ...(file && { file }),
    ...(accuracy && { accuracy }),
    ...(outputs && { outputs }),
    ...(latency && { latency }),
    ...(task && { task }),
    ...(file && file.skipped.length > 0 && { skipped: file.skipped }),
    chosen,
    reason,
  }
}

/** What was never made first, then from small to large. */
const ordered = (tried: readonly Tried[]): Tried[] => [...tried].sort((a, b) => a.bytes - b.bytes)

function missedBy(candidates: readonly Candidate[], bytes: number): string | undefined {
  const missed = candidates.filter((each) => each.missed === true && (each.file?.bytes ?? 0) < bytes)
  if (missed.length === 0) return undefined
  const tried = missed.map(({ recipe, reason = '' }) => `${recipe}: ${reason.replace(/\.$/, '')}`)
  return `Tried: ${tried.join('; ')}.`
}

function reasonFor({ accuracy = identical, task }: Made, prefer: Preference): string {
  const score = task && `, score ${shortly(task.variant)} where the source has ${shortly(task.source)}`
  return `It is the ${prefer === 'speed' ? 'fastest' : 'smallest'} within the budget: ${decibels(accuracy)}${score ?? ''}.`
}

const shortly = (score: number): string => String(Number(score.toPrecision(5)))

/** On made-up inputs the best class is arbitrary, and near ties flip: top1 then only counts if the user asks for it. */
function budgetFor({ job: { options } }: Workshop, run: SourceRun): Partial<Budget> {
  const { budget, preset } = options
  if (!run.ok || run.source === 'calibration' || preset === undefined) return budget
  const { top1: _, ...rest } = budget
  return rest
}

export const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`

const decibels = ({ sqnr, top1 }: Accuracy): string =>
  `${sqnr >= 200 ? 'no difference' : `${sqnr.toFixed(1)} dB`}${top1 === undefined ? '' : `, same best class in ${(top1 * 100).toFixed(1)} %`}`
