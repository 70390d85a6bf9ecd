import type { Engine, EngineSource } from './types'

const loading = new WeakMap<EngineSource, Promise<Engine>>()

/** Loads an onnxruntime build once, and tells it where its WebAssembly lies. A load that failed can be tried again. */
export function loadEngine(source: EngineSource): Promise<Engine> {
  const loaded =
    loading.get(source) ??
    source.load().then((module) => {
      // A CommonJS module, as onnxruntime-node is, may come wrapped.
      const { default: inner, ...named } = module as { default?: Engine } & Engine
      const engine = named.InferenceSession ? (module as Engine) : (inner as Engine)
      if (source.files) engine.env.wasm.wasmPaths = source.files
      return engine
    })
  loading.set(source, loaded)
  loaded.catch(() => loading.delete(source))
  return loaded
}

/** What each engine was asked for last. By engine, not by source: two bundles of one page load the same script once. */
const last = new WeakMap<Engine, Promise<unknown>>()

/**
 * Waits until an engine is free, and has it do one thing. onnxruntime-web's WebGPU build (asyncify) can be inside one
 * call only: a create, run or release while another waits for the graphics card ends in `memory access out of bounds`
 * or in a page that hangs (seen in 1.30).
 */
export function exclusively<T>(engine: Engine, action: () => Promise<T>): Promise<T> {
  const done = (last.get(engine) ?? Promise.resolve()).then(action)
  const settled = () => {}
  last.set(engine, done.then(settled, settled))
  return done
}
