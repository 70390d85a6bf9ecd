import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInstrumenter } from 'istanbul-lib-instrument'
import { build } from 'tsdown'

const root = join(import.meta.dirname, '../..')
/** Of this process: another may fuzz beside it. It lies here, where packages resolve from. */
const built = join(import.meta.dirname, '.build', String(process.pid))
process.once('exit', () => rmSync(built, { recursive: true, force: true }))

/**
 * Bundles the targets with the sources that they fuzz, and counts in them: each branch and each function that is entered adds one to a
 * byte of `globalThis.__edges`.
 * @returns {Promise<{ file: string, edges: number }>}
 */
export async function buildTargets() {
  await build({
    cwd: import.meta.dirname,
    config: false,
    entry: { targets: 'targets.ts' },
    outDir: built,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    fixedExtension: false,
    alias: {
      '@unplugin-onnx/core/catalog': join(root, 'packages/core/src/catalog.ts'),
      '@unplugin-onnx/core': join(root, 'packages/core/src/index.ts'),
    },
    deps: {
      alwaysBundle: [/^yauzl/, /^picomatch/, /^picocolors/],
      neverBundle: [/^@unplugin-onnx\/build/],
      onlyBundle: false,
    },
    dts: false,
    clean: true,
    hash: false,
    logLevel: 'error',
  })
  const instrumenter = createInstrumenter({ esModules: true, compact: true })
  let edges = 0
  for (const name of readdirSync(built).filter((each) => each.endsWith('.js'))) {
    const file = join(built, name)
    const code = instrumenter
      .instrumentSync(readFileSync(file, 'utf8'), file)
      // Objects of numbers take longer to look through than an execution takes; which statements ran, branches say.
      .replace(/\bcov_\w+\(\)\.(?:b\[\d+\]\[\d+\]|f\[\d+\])\+\+/g, () => `__edges[${edges++}]++`)
      .replace(/\bcov_\w+\(\)\.s\[\d+\]\+\+/g, '0')
    writeFileSync(file, `const __edges = globalThis.__edges;${code}`)
  }
  return { file: join(built, 'targets.js'), edges }
}
