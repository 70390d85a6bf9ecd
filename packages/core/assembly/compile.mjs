/**
 * Compiles the kernels to WebAssembly and writes them, as base64, to src/kernels/simd-module.ts.
 * `--print` prints the file instead.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'

const here = import.meta.dirname
const args = [
  'index.ts',
  ...['--baseDir', here],
  ...['--outFile', 'kernels.wasm', '--runtime', 'stub', '--enable', 'simd', '-O3', '--noAssert'],
  // 640 KiB for chunks that stay in the cache; the places in it, and what is beyond, are in src/kernels/simd.ts.
  ...['--initialMemory', '10', '--maximumMemory', '2048'],
]
let binary = new Uint8Array()
const { error, stderr } = await asc.main(args, {
  readFile: (name, base) => {
    try {
      return readFileSync(join(base, name), 'utf8')
    } catch {
      return null
    }
  },
  writeFile: (_name, contents) => {
    binary = contents
  },
  listFiles: () => [],
})
if (error) {
  process.stderr.write(stderr.toString())
  throw error
}
const text = `/** Made by assembly/compile.mjs from assembly/index.ts, ${binary.length} bytes of WebAssembly. Not to be edited. */
export const module =
  '${Buffer.from(binary).toString('base64')}'
`
if (process.argv.includes('--print')) process.stdout.write(text)
else writeFileSync(join(here, '../src/kernels/simd-module.ts'), text)
