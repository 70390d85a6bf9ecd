import { join } from 'node:path'
import * as rolldown from 'rolldown'
import * as rollup from 'rollup'
import onnxRolldown from 'unplugin-onnx/rolldown'
import onnxRollup from 'unplugin-onnx/rollup'
import { type App, pluginOptions } from '../apps'
import type { Bundler } from './cases'
import { eventQueue } from './events'

/** What the two have in common, which is nearly all of it. */
interface RollupLike {
  rollup(options: Options): Promise<{ write(options: object): Promise<unknown>; close(): Promise<void> }>
  watch(options: Options & { output: object }): Watcher
}
interface Options {
  readonly input: Readonly<Record<string, string>>
  readonly plugins: unknown
  readonly platform?: 'node'
  readonly checks?: { readonly pluginTimings: false }
  readonly onwarn?: (warning: { readonly message: string }) => void
}
interface Watcher {
  on(
    event: 'event',
    heard: (event: { code: string; error?: unknown; result?: { close(): void } }) => void,
  ): void
  close(): Promise<void>
}

function rollupBundler(api: RollupLike, plugin: (options: object) => unknown, isRolldown: boolean): Bundler {
  const entries = (app: App, ...names: string[]) =>
    Object.fromEntries(names.map((name) => [name, join(app.dir, `src/${name}.js`)]))
  const forNode = isRolldown ? { platform: 'node' as const } : {}
  // The first conversion takes its time.
  const calm = isRolldown ? { checks: { pluginTimings: false as const } } : {}
  const nodeTargets = isRolldown ? {} : { targets: ['node'] }
  const run = async (options: Options, output: object) => {
    const bundle = await api.rollup({ ...options, ...calm })
    await bundle.write(output)
    await bundle.close()
  }
  const strict = {
    onwarn: ({ message }: { readonly message: string }) => {
      throw new Error(message)
    },
  }
  return {
    build: (app, { targets } = {}) =>
      run(
        {
          input: entries(app, 'main', 'page', 'worker'),
          plugins: plugin(pluginOptions(targets && { targets })),
          ...(!isRolldown && strict),
        },
        { dir: app.out, format: 'es' },
      ),
    async server(app) {
      for (const format of ['cjs', 'es']) {
        const plugins = plugin(pluginOptions(nodeTargets))
        await run(
          { input: entries(app, 'server'), plugins, ...forNode },
          { dir: app.out, format, entryFileNames: `[name].${format === 'es' ? 'mjs' : 'cjs'}` },
        )
      }
      return 'server.mjs'
    },
    async library(app) {
      // What Rolldown makes of `import.meta` in a script is undefined, and it says so.
      for (const format of isRolldown ? ['es'] : ['es', 'iife']) {
        await run(
          { input: entries(app, 'main'), plugins: plugin(pluginOptions()) },
          { dir: join(app.out, 'lib'), format, entryFileNames: `${format}.js`, name: 'library' },
        )
      }
      return { module: 'es.js', ...(!isRolldown && { classic: 'iife.js' }) }
    },
    async watch(app, kind) {
      const events = eventQueue<void>()
      const watcher = api.watch({
        ...(kind === 'page'
          ? { input: entries(app, 'main'), plugins: plugin(pluginOptions()) }
          : { input: entries(app, 'server'), plugins: plugin(pluginOptions(nodeTargets)), ...forNode }),
        output: { dir: app.out, format: 'es', ...(kind === 'server' && { entryFileNames: '[name].mjs' }) },
      })
      watcher.on('event', (event) => {
        if (event.code === 'END') events.push(undefined)
        if (event.code === 'ERROR') events.fail(event.error)
        event.result?.close()
      })
      return { built: () => events.next(), close: () => watcher.close() }
    },
    not: {
      dev: 'It has no dev server.',
      'path node': 'It has no option for a base.',
      'relative node': 'It has no option for a base.',
      'cdn node': 'It has no option for a base.',
    },
  }
}

export const rollupBundlers: Readonly<Record<string, Bundler>> = {
  'rollup 4': rollupBundler(rollup as unknown as RollupLike, onnxRollup, false),
  'rolldown 1': rollupBundler(
    { rollup: rolldown.rolldown, watch: rolldown.watch } as unknown as RollupLike,
    onnxRolldown,
    true,
  ),
}
