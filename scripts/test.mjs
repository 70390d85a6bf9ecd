/**
 * `npm test`: everything, from a bare clone. Installs, builds, checks types and style, checks the packed packages,
 * finds or installs Chromium, and runs every test. Arguments go to vitest: `npm test -- packages/core`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installAndBuild, pnpm, root, run, step } from './steps.mjs'

installAndBuild()
step('Check types', () => pnpm(['run', 'typecheck']))
step('Check style', () => pnpm(['run', 'lint']))
step('Check the packed packages', () => run(process.execPath, ['scripts/check-packages.mjs']))
step('Find or install Chromium', () => run(process.execPath, ['scripts/chromium.mjs']))

const reports = mkdtempSync(join(tmpdir(), 'unplugin-onnx-test-'))
const report = join(reports, 'vitest.json')
process.stdout.write('\n▸ Run the tests\n')
const code = run(process.execPath, [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
])
const { numPassedTests, numFailedTests, numTotalTestSuites, numFailedTestSuites } = JSON.parse(
  readFileSync(report, 'utf8'),
)
rmSync(reports, { recursive: true })
// A file that fails to load has no tests of its own to count: it counts as one failure.
const failed = numFailedTests > 0 || numFailedTestSuites === 0 ? numFailedTests : numFailedTestSuites
if (numTotalTestSuites === 0) process.stdout.write('no test file was found\n')
process.stdout.write(`\n${numPassedTests} passed, ${failed} failed\n`)
process.exit(code)
