import type { Manifest } from '@unplugin-onnx/runtime'
import type { Report } from '../logger'
import { NeedsOtherTargets } from '../needs-other-targets'
import type { Preference } from '../options'
import type { ReportData } from '../report/data'
import { isLossless } from '../special-recipes'
import type { Inspection, TaskRunner } from '../tasks/task'
import { checkOptions } from './check-options'
import { type Choice, choose } from './choose'
import type { Job } from './job'
import { manifestOf } from './manifest'
import { reportOf } from './report'
import { Workshop } from './workshop'

export interface Planned {
  readonly manifest: Manifest
  readonly report: ReportData
}

/**
 * Makes all candidates, runs source and candidates in the engines of the targets, and takes for each target what is
 * preferred within the budget; where nothing is, the source itself. In a build, worker processes do the work.
 */
export async function plan(
  job: Job,
  inspection: Inspection,
  pool: TaskRunner,
  report: Report,
): Promise<Planned> {
  checkOptions(job, inspection)
  const workshop = new Workshop(job, inspection, pool, report)
  const { prefer } = job.options
  const places = workshop.places.filter(({ name }) => job.only === undefined || name === job.only)
  const all = await Promise.all(places.map((place) => choose(place, workshop)))
  // Whether that one is shipped depends on whether another target has a right one.
  if (job.only !== undefined && all.some(({ wrong }) => wrong !== undefined)) throw new NeedsOtherTargets()
  const forAllDevices = (choice: Choice) => all.findLast(({ target }) => target.name === choice.target.name)
  const worthwhile = all.filter((choice) => pays(choice, forAllDevices(choice), prefer))
  const right = worthwhile.filter((choice) => choice.wrong === undefined)
  // A wrong answer is worse than a slower right one; where there is nothing else, a warning has to do.
  const choices = right.length > 0 ? right : worthwhile
  const manifest = await manifestOf(workshop, choices, all)
  const details = await reportOf(workshop, choices, manifest)
  const { cutOff } = workshop
  if (cutOff === undefined) return { manifest, report: details }
  return { manifest: { ...manifest, cutOff }, report: { ...details, manifest: { ...manifest, cutOff } } }
}

/**
 * A variant for devices that can more has to be worth the second file: it is no larger than the one that all devices run, or
 * speed was asked for.
 */
function pays(choice: Choice, forAll: Choice | undefined, prefer: Preference): boolean {
  if (choice === forAll || forAll === undefined) return true
  return !isLossless(choice.recipe) && (prefer === 'speed' || choice.winner.bytes <= forAll.winner.bytes)
}
