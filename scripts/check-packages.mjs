/** Packs the four packages and holds the tarballs against publint and attw. Prints a line for each. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pnpm, root, run } from './steps.mjs'

/**
 * @param {string} folder where the tarballs go
 * @returns {string[]} their paths
 */
export function packAll(folder) {
  for (const name of readdirSync(join(root, 'packages'))) {
    const code = pnpm(['pack', '--pack-destination', folder], {
      cwd: join(root, 'packages', name),
      quiet: true,
    })
    if (code !== 0) throw new Error(`packing packages/${name} failed`)
  }
  return readdirSync(folder)
    .filter((file) => file.endsWith('.tgz'))
    .map((file) => join(folder, file))
}

const bin = (name) => {
  const folder = join(root, 'node_modules', name)
  const { bin: entry } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof entry === 'string' ? entry : Object.values(entry)[0])
}

if (process.argv[1] === import.meta.filename) {
  const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-pack-'))
  let failures = 0
  for (const tarball of packAll(folder)) {
    const name = tarball.slice(folder.length + 1)
    const publint = run(process.execPath, [bin('publint'), tarball, '--strict'], { quiet: true })
    // ESM only by design, and node10 does not know `exports`.
    const attw = run(process.execPath, [bin('@arethetypeswrong/cli'), tarball, '--profile', 'esm-only'], {
      quiet: true,
    })
    if (publint !== 0 || attw !== 0) failures++
    process.stdout.write(
      `${name}: publint ${publint === 0 ? 'clean' : 'FAILED'}, attw ${attw === 0 ? 'clean' : 'FAILED'}\n`,
    )
  }
  rmSync(folder, { recursive: true })
  process.exit(failures === 0 ? 0 : 1)
}
