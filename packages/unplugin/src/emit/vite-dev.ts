import { printable } from '@unplugin-onnx/build/plugin'
import type { DevEnvironment, EnvironmentModuleNode, ViteDevServer } from 'vite'
import { modelRequest } from '../module/ids'
import type { Meanwhile } from './bundler'
import { type ServedFiles, serveModelFiles } from './vite-files'

/** What a dev server has beyond its modules. */
export interface DevServer {
  readonly server: ViteDevServer
  readonly files: ServedFiles
}

const servers = new WeakMap<object, DevServer>()

export function openDevServer(server: ViteDevServer): void {
  const opened = { server, files: serveModelFiles(server) }
  for (const environment of Object.values(server.environments)) servers.set(environment, opened)
}

/** The server that an environment belongs to; builds have none. */
export const devServerOf = (environment: object): DevServer | undefined => servers.get(environment)

/** The modules that a model gives in an environment. */
export const modelModules = (
  { moduleGraph }: Pick<DevEnvironment, 'moduleGraph'>,
  file: string,
): EnvironmentModuleNode[] =>
  [...(moduleGraph.getModulesByFile(file.replaceAll('\\', '/')) ?? [])].filter(
    ({ id }) => id !== null && modelRequest(id)?.kind === 'model',
  )

/** How a dev server learns of a conversion that its page didn't wait for. */
export function viteMeanwhile(environment: DevEnvironment, { server }: DevServer): Meanwhile {
  const { moduleGraph } = environment
  const forget = (file: string) => {
    for (const module of modelModules(environment, file)) moduleGraph.invalidateModule(module)
  }
  return {
    name: environment.name,
    async ready(file) {
      let told = false
      for (const module of modelModules(environment, file)) {
        if (isAccepted(module)) {
          told = true
          await environment.reloadModule(module)
        } else {
          // No reload of the page: whoever is trying something out would lose it, for nothing that they'd see.
          moduleGraph.invalidateModule(module)
          // Made at once, so that what it depends on is watched.
          await environment.warmupRequest(module.url)
        }
      }
      return told
    },
    failed(file, error) {
      // Whoever asks again is told the same.
      forget(file)
      environment.logger.error(`${error.message}\n  File: ${printable(file)}`, { error, timestamp: true })
      server.environments.client?.hot.send({
        type: 'error',
        err: { message: error.message, stack: '', id: file, plugin: 'unplugin-onnx' },
      })
    },
  }
}

/**
 * Whether all who import a module, directly or not, take an update of it, so that Vite wouldn't reload the page. As in Vite's
 * propagateUpdate, a circle of imports is no way out; a module that watches its own file is one.
 */
function isAccepted(
  module: EnvironmentModuleNode,
  seen: ReadonlySet<EnvironmentModuleNode> = new Set(),
): boolean {
  if (module.isSelfAccepting) return true
  if (module.importers.size === 0) return false
  const way = new Set([...seen, module])
  return [...module.importers].every(
    (importer) => importer.acceptedHmrDeps.has(module) || way.has(importer) || isAccepted(importer, way),
  )
}
