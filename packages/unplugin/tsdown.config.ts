import { defineConfig } from 'tsdown'

const common = { format: 'esm', target: 'es2022', fixedExtension: false, clean: false, hash: false } as const

export default defineConfig([
  // One build: what the plugin and the command line share would be written twice under one name by two.
  {
    ...common,
    entry: [
      'src/index.ts',
      'src/cli.ts',
      ...['vite', 'rollup', 'rolldown', 'webpack', 'rspack', 'esbuild', 'farm'].map(
        (name) => `src/${name}.ts`,
      ),
    ],
    platform: 'node',
    dts: { tsconfig: 'tsconfig.json' },
  },
  // The runtime is whole in one file: Rollup alone resolves no packages, and Vite's dev server would pre-bundle them.
  // Its types stay those of the package.
  {
    ...common,
    entry: ['src/runtime.ts'],
    platform: 'neutral',
    deps: { alwaysBundle: ['@unplugin-onnx/runtime', 'onnxruntime-common'] },
    dts: false,
  },
  {
    ...common,
    entry: ['src/runtime.ts'],
    platform: 'neutral',
    dts: { tsconfig: 'tsconfig.json', emitDtsOnly: true },
  },
])
