/** Where bundlers differ: how a file gets into the output, and how its URL is written. One file a family beside this. */
import { readFile } from 'node:fs/promises'
import type { BundlerError } from '../bundler-error'

export interface Taken {
  /** Statements for the head of the generated module. */
  readonly head: readonly string[]
  /** A JavaScript expression: the file's URL at run time, a string. */
  readonly url: string
}

export interface Bundler {
  /** Where the code runs, as far as the bundler knows. In Node, URLs are `file:` URLs. */
  readonly runs: 'browser' | 'node' | 'unknown'
  /**
   * Takes a file on disk into the output, as it is and under the bundler's own hashed name.
   * @param name the name without hash that it gets, if not its own
   */
  take(file: string, name?: string): Promise<Taken>
  /** Prints a line as the bundler prints its own: where and if its log says so. */
  note(text: string): void
  /** Of a dev server: its pages needn't wait for conversions. */
  readonly meanwhile?: Meanwhile
  /** Whether pages are sent so that onnxruntime may use threads; undefined where the bundler serves none. */
  readonly isolated?: boolean
  /** Whether files belong into the code: `better` unless the options say no, `never` whatever they say. */
  readonly inline?: 'better' | 'never'
  /** A JavaScript expression: what to import so that onnxruntime-node, which holds native code, stays outside. */
  readonly nodeEngine: string
}

/** The same bundler, but that files become part of the code. */
export const inlining = (bundler: Bundler): Bundler => ({
  ...bundler,
  async take(file) {
    const type = /\.m?js$/.test(file)
      ? 'text/javascript'
      : `application/${file.endsWith('.wasm') ? 'wasm' : 'octet-stream'}`
    return { head: [], url: JSON.stringify(`data:${type};base64,${await readFile(file, 'base64')}`) }
  },
})

/** How a dev server learns of a conversion that its page didn't wait for. */
export interface Meanwhile {
  /** Of the environment: each has a graph of modules of its own. */
  readonly name: string
  /**
   * A model is converted.
   * @returns whether the page was told: it is if it takes updates of the model
   */
  ready(file: string): Promise<boolean>
  /** A model can't be converted. */
  failed(file: string, error: BundlerError): void
}

/** Left to Node, which finds the package from where the output lies. */
export const barePackage = "'onnxruntime-node'"

/** For code that is to run in browsers: no bundler sees a package in it, and none looks for one. */
export const hiddenPackage = "['onnxruntime', 'node'].join('-')"

/** A JavaScript expression: the URL of a CommonJS module in Node. */
export const commonJsUrl = 'require("node:url").pathToFileURL(__filename).href'

/** A JavaScript expression: the URL of a classic script, which knows it only while it is first run; of a worker, always. */
export const scriptUrl =
  '(globalThis.document?.currentScript?.src || globalThis.location?.href || "file:///")'

/** An import of a file, for the families whose own asset modules give its URL. */
export function importOf(specifier: string, file: string): Taken {
  const name = `file_${shortHash(file)}`
  return { head: [`import ${name} from ${JSON.stringify(specifier)}`], url: name }
}

/** 32-bit FNV-1a: identifiers in a module of a handful of imports. */
export function shortHash(text: string): string {
  let state = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193)
  return (state >>> 0).toString(36)
}
