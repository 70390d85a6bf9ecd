/**
 * `npm run playground`: the page, from a bare clone, built and served as it is deployed. `npm run playground -- --dev`
 * serves it while it is written.
 */
import { join } from 'node:path'
import { installAndBuild, pnpm, root, step } from './steps.mjs'

const cwd = join(root, 'playground')
const args = process.argv.slice(2)
installAndBuild()
if (args.includes('--dev'))
  process.exit(pnpm(['run', 'dev', ...args.filter((each) => each !== '--dev')], { cwd }))
step('Build the playground', () => pnpm(['run', 'build'], { cwd, quiet: true }))
process.exit(pnpm(['run', 'preview', ...args], { cwd }))
