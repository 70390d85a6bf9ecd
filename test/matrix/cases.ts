/** What every bundler is put through, and why some of it can't be. */
import type { App } from '../apps'

export const modes = {
  build: 'build',
  watch: 'watch, after a change of the model',
  worker: 'worker that imports the model',
  library: 'library, used by a page elsewhere',
  dev: 'dev server',
  path: "base '/x/'",
  relative: "base './'",
  cdn: 'base on another origin',
} as const
export type Mode = keyof typeof modes

export const targets = ['wasm', 'webgpu', 'node'] as const
export type Target = (typeof targets)[number]

export interface Running {
  /** Addresses of pages. */
  readonly pages: readonly string[]
  /** Runs the model in server code, where the bundler's server has that. */
  readonly runServer?: () => Promise<unknown>
  close(): Promise<void>
}

export interface Watching {
  /** Resolves when the next build is done and written; the first one too. */
  built(): Promise<unknown>
  close(): Promise<unknown>
}

/** One bundler. Pages are made of `src/main.js`, and of `src/page.js` with `src/worker.js`; servers of `src/server.js`. */
export interface Bundler {
  /**
   * Builds for browsers into `dist/`. Where the bundler writes no pages of its own, `main.js`, `page.js` and `worker.js`.
   * @param base public path; undefined: whatever is the default
   */
  build(app: App, how?: { readonly base?: string; readonly targets?: readonly string[] }): Promise<unknown>
  /** Builds `src/server.js` for Node. @returns the file to import, below `dist/` */
  server(app: App, how?: { readonly base?: string }): Promise<string>
  /** Builds `src/main.js` as a library into `dist/lib/`. @returns file names by how a page loads them */
  library?(app: App): Promise<{ readonly module: string; readonly classic?: string }>
  watch(app: App, kind: 'page' | 'server'): Promise<Watching>
  /** Serves the app as `src/` has it. */
  dev?(app: App): Promise<Running>
  /** Why it has no such cell, by mode, or by mode and target. */
  readonly not?: Readonly<Partial<Record<Mode | `${Mode} ${Target}`, string>>>
}

/** What no bundler can have. */
const never: Partial<Record<`${Mode} ${Target}`, string>> = {
  'worker node': 'Web workers are a thing of browsers.',
  'library node': 'For Node, a library is what the build for it gives.',
}

/** Why there is no such cell; undefined: there is. */
export const reasonAgainst = ({ not = {} }: Bundler, mode: Mode, target: Target): string | undefined =>
  never[`${mode} ${target}`] ?? not[`${mode} ${target}`] ?? not[mode]
