import { defineConfig, Rolldown } from 'tsdown'

/** A module that is run when core is built, and replaced by what it exports: who imports it loads nothing else with it. */
const evaluated = (module: RegExp): Rolldown.Plugin => ({
  name: 'evaluated',
  load: {
    filter: { id: module },
    async handler(id) {
      const bundle = await Rolldown.rolldown({ input: id })
      const { output } = await bundle.generate({ format: 'esm' })
      const exported: Record<string, unknown> = await import(
        `data:text/javascript,${encodeURIComponent(output[0].code)}`
      )
      return Object.entries(exported)
        .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)}`)
        .join('\n')
    },
  },
})

export default defineConfig({
  entry: ['src/index.ts', 'src/catalog.ts'],
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  fixedExtension: false,
  dts: { tsconfig: 'tsconfig.json' },
  clean: true,
  plugins: [evaluated(/passes[\\/]versions\.ts$/)],
})
