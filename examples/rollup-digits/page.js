import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Writes a page: its stylesheets and its script get the names that Rollup gave them.
 * @param {string} file the page's source; it names stylesheets and the entry by relative paths
 * @returns {import('rollup').Plugin}
 */
export function page(file) {
  /** @type {Map<string, string>} */
  const stylesheets = new Map()
  return {
    name: 'page',
    async buildStart() {
      this.addWatchFile(file)
      for (const [, href] of (await readFile(file, 'utf8')).matchAll(
        /<link rel="stylesheet" href="(.+?)"/g,
      )) {
        const path = join(dirname(file), href)
        this.addWatchFile(path)
        stylesheets.set(
          href,
          this.emitFile({ type: 'asset', name: basename(href), source: await readFile(path) }),
        )
      }
    },
    async generateBundle(_, bundle) {
      const entry = Object.values(bundle).find((chunk) => chunk.type === 'chunk' && chunk.isEntry)
      let html = await readFile(file, 'utf8')
      for (const [href, reference] of stylesheets) html = html.replace(href, this.getFileName(reference))
      html = html.replace(/src="[^"]+\.ts"/, `src="${entry.fileName}"`)
      this.emitFile({ type: 'asset', fileName: basename(file), source: html })
    },
  }
}

/**
 * `import url from 'some/file?url'`: emits the file and gives its URL. Models are left to unplugin-onnx.
 * @returns {import('rollup').Plugin}
 */
export function fileUrl() {
  return {
    name: 'file-url',
    async resolveId(source, importer) {
      if (!source.endsWith('?url') || source.endsWith('.onnx?url')) return null
      const resolved = await this.resolve(source.slice(0, -'?url'.length), importer)
      return resolved && `${resolved.id}?url`
    },
    async load(id) {
      if (!id.endsWith('?url') || id.endsWith('.onnx?url')) return null
      const file = id.slice(0, -'?url'.length)
      const reference = this.emitFile({ type: 'asset', name: basename(file), source: await readFile(file) })
      return `export default import.meta.ROLLUP_FILE_URL_${reference}`
    },
  }
}
