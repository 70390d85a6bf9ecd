import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // What is waited for comes when a loaded machine gets to it.
    expect: { poll: { timeout: 30_000 } },
    // Much of the time is spent waiting for browsers, servers and worker processes: three files at a time keep two cores busy.
    maxWorkers: 3,
    pool: 'forks',
    // As in packages/build/src/worker.ts: most functions of onnxruntime run too seldom to be worth optimizing.
    execArgv: ['--wasm-tiering-budget=50000000'],
  },
})
