/**
 * Packs the packages, installs them as a user does, and writes what came along as a bill of materials (CycloneDX, by npm itself).
 *
 * node scripts/sbom.mjs FOLDER [--verify]   --verify: holds the signatures of the registry against all that was installed
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { packAll } from './check-packages.mjs'
import { run } from './steps.mjs'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { verify: { type: 'boolean', default: false } },
})
const [folder] = positionals
if (folder === undefined) throw new Error('Name the folder that tarballs and sbom.cdx.json go to.')
const to = resolve(folder)
mkdirSync(to, { recursive: true })
const tarballs = packAll(to)

const project = mkdtempSync(join(tmpdir(), 'unplugin-onnx-sbom-'))
try {
  const dependencies = Object.fromEntries(tarballs.map((file) => [nameIn(file), `file:${file}`]))
  const { version } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../packages/unplugin/package.json'), 'utf8'),
  )
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'unplugin-onnx-as-installed', version, private: true, dependencies }),
  )
  // What a project brings itself (onnxruntime, bundlers) is its own.
  const install = ['install', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund']
  if (run('npm', install, { cwd: project, quiet: true }) !== 0) process.exit(1)
  if (values.verify && run('npm', ['audit', 'signatures'], { cwd: project }) !== 0) process.exit(1)
  const sbom = spawnSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--legacy-peer-deps'], {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (sbom.status !== 0) throw new Error(`npm sbom failed:\n${sbom.stderr}`)
  const { components } = JSON.parse(sbom.stdout)
  writeFileSync(join(to, 'sbom.cdx.json'), sbom.stdout)
  process.stdout.write(`${components.length} packages in ${join(folder, 'sbom.cdx.json')}\n`)
} finally {
  rmSync(project, { recursive: true, force: true })
}

/** `unplugin-onnx-core-0.1.0.tgz` is `@unplugin-onnx/core`. */
function nameIn(file) {
  const [, name] = /(?:^|[\\/])unplugin-onnx(?:-([a-z]+))?-\d[^\\/]*\.tgz$/.exec(file) ?? []
  return name === undefined ? 'unplugin-onnx' : `@unplugin-onnx/${name}`
}
