/** What the examples' tests share: an app built by its own bundler, into a folder of its own. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

export const run = promisify(execFile)

/** `process.env` without what tells tools that a test runs them: the app is built as a user builds it. */
const { VITEST: _, NODE_ENV: __, ...own } = process.env
export const env: NodeJS.ProcessEnv = own

/** The script behind a command that a package of the example brings, such as `vite`. */
export function commandOf(example: string, name: string, command: string): string {
  const require = createRequire(join(example, 'package.json'))
  const entry = require.resolve.paths(name)?.map((folder) => join(folder, name, 'package.json')) ?? []
  const file = entry.find((each) => existsSync(each))
  if (file === undefined) throw new Error(`${name} is not installed in ${example}`)
  const { bin } = require(file) as { bin: string | Record<string, string> }
  return join(dirname(file), typeof bin === 'string' ? bin : (bin[command] as string))
}

export interface Built {
  readonly out: string
  /** Names of the files in the output, relative to it, with their sizes. */
  readonly files: ReadonlyMap<string, number>
  remove(): void
}

/**
 * Builds an example with its own bundler.
 * @param folder its test folder
 * @param args of the bundler's command, for a given output folder
 */
export async function buildExample(
  folder: string,
  [packageName, command]: readonly [string, string],
  args: (out: string) => string[],
): Promise<Built> {
  const example = resolve(folder, '..')
  const out = mkdtempSync(join(tmpdir(), 'unplugin-onnx-example-'))
  await run(process.execPath, [commandOf(example, packageName, command), ...args(out)], {
    cwd: example,
    env,
    maxBuffer: 1 << 26,
  })
  const names = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(out, name)).isFile(),
  )
  return {
    out,
    files: new Map(names.map((name) => [name, statSync(join(out, name)).size])),
    remove: () => rmSync(out, { recursive: true, force: true }),
  }
}

/** Headers that give a page threads for WebAssembly. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}
