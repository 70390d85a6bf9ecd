import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/**
 * Writes the service worker when all else is written: it has to know every file, those of workers and of onnxruntime
 * included, and to be another one when any of them is.
 */
export function offline(): Plugin {
  let folder = ''
  return {
    name: 'offline',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir)
      if (config.build.outDir.startsWith('/')) folder = config.build.outDir
    },
    closeBundle: {
      sequential: true,
      order: 'post',
      handler() {
        const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
          .map((file) => file.replaceAll('\\', '/'))
          .filter((file) => file !== 'service-worker.js' && statSync(join(folder, file)).isFile())
          .sort()
        const hash = createHash('sha256')
        for (const file of files) hash.update(file).update(readFileSync(join(folder, file)))
        const version = hash.digest('hex').slice(0, 16)
        const script = readFileSync(new URL('./service-worker.js', import.meta.url), 'utf8')
        writeFileSync(
          join(folder, 'service-worker.js'),
          `const version = ${JSON.stringify(version)}\nconst files = ${JSON.stringify(files)}\n\n${script}`,
        )
      },
    },
  }
}
