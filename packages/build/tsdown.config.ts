import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/index.ts', 'src/worker.ts'],
  format: 'esm',
  platform: 'node',
  target: 'es2022',
  fixedExtension: false,
  dts: { tsconfig: 'tsconfig.json' },
  clean: true,
})
