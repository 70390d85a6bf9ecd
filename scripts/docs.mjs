/**
 * `npm run docs`: the site, from a bare clone, in docs/.vitepress/dist. `npm run docs:dev` serves it while pages are
 * written.
 */
import { join } from 'node:path'
import { pnpm, root, run, step } from './steps.mjs'

const docs = join(root, 'docs')
step('Install dependencies', () =>
  pnpm(['install', '--frozen-lockfile', '--reporter=append-only'], { quiet: true }),
)
if (process.argv.includes('--dev')) {
  step('Write the API reference', () => run(process.execPath, ['site/api.mjs'], { cwd: docs }))
  process.exit(pnpm(['exec', 'vitepress', 'dev', '.', ...process.argv.slice(3)], { cwd: docs }))
}
step('Build the site', () => run(process.execPath, ['site/build.mjs'], { cwd: docs }))
