import { join } from 'node:path'
import { defineConfig } from 'tsdown'
import { pagePlugin } from './report/bundle'

export default defineConfig([
  {
    name: 'build',
    entry: ['src/index.ts', 'src/plugin.ts', 'src/npz.ts', 'src/worker.ts', 'src/watch.ts'],
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    fixedExtension: false,
    dts: { tsconfig: 'tsconfig.json' },
    clean: true,
  },
  // For pages: nothing of what is for Node, not in shared chunks either.
  {
    name: 'browser',
    entry: ['src/browser.ts'],
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    dts: { tsconfig: 'tsconfig.json' },
    clean: false,
  },
  // The page of a report: its script is whole, libraries included, and lies in the page itself.
  {
    name: 'report',
    entry: { report: 'report/main.ts' },
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    clean: false,
    dts: false,
    tsconfig: 'report/tsconfig.json',
    deps: { alwaysBundle: [/./], onlyBundle: false },
    plugins: [pagePlugin(join(import.meta.dirname, 'report'))],
  },
])
