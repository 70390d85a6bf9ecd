/**
 * Writes docs/api: one page for each public entry point of the packages, from their types. `node docs/site/api.mjs`.
 * It reads the sources, so that nothing has to be built first.
 */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Application } from 'typedoc'

const docs = resolve(import.meta.dirname, '..')
const packages = resolve(docs, '../packages')

/** Page of docs/api -> the entry point that it describes. */
export const pages = {
  'unplugin-onnx': 'unplugin/src/index.ts',
  runtime: 'runtime/src/index.ts',
  build: 'build/src/index.ts',
  'build-browser': 'build/src/browser.ts',
  core: 'core/src/index.ts',
}

const titles = {
  runtime: 'unplugin-onnx/runtime',
  build: '@unplugin-onnx/build',
  'build-browser': '@unplugin-onnx/build/browser',
  core: '@unplugin-onnx/core',
}

export async function writeApi() {
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    tsconfig: join(docs, 'tsconfig.api.json'),
    entryPoints: Object.values(pages).map((file) => join(packages, file)),
    // Types are checked by `npm run typecheck`, each package under its own settings.
    skipErrorChecking: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    disableSources: true,
    readme: 'none',
    logLevel: 'Warn',
    outputFileStrategy: 'modules',
    sanitizeComments: true,
    useHTMLAnchors: true,
    hideBreadcrumbs: true,
    pageTitleTemplates: { module: ({ name }) => titles[name] ?? name },
    hidePageHeader: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    enumMembersFormat: 'table',
    out: join(docs, 'api'),
  })
  const project = await app.convert()
  if (project === undefined) throw new Error('typedoc could not read the sources')
  for (const [page, file] of Object.entries(pages)) {
    const entry = project.children?.find(({ name }) => file === `${name}/index.ts` || file === `${name}.ts`)
    if (entry === undefined) throw new Error(`typedoc has no module for ${file}`)
    entry.name = page
  }
  project.name = 'API'
  rmSync(join(docs, 'api'), { recursive: true, force: true })
  await app.generateOutputs(project)
}

if (process.argv[1] === import.meta.filename) await writeApi()
