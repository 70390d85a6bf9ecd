import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ViteDevServer } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createBasicApp, modelFile, replaceFile, viteConfig, viteVersions } from './apps'

interface Answer {
  readonly status: number
  readonly type: string
  readonly bytes: Buffer
  readonly text: string
}

describe.each(Object.entries(viteVersions))('the dev server of %s', (_, vite) => {
  let app: App
  let server: ViteDevServer
  let origin: string
  beforeAll(async () => {
    app = createBasicApp()
    writeFileSync(join(app.dir, 'onnx.config.mjs'), 'export default {}\n')
    server = await vite.createServer({
      ...viteConfig(app, { dev: 'wait' }),
      server: { port: 0, host: '127.0.0.1' },
    })
    await server.listen()
    origin = `http://127.0.0.1:${(server.httpServer!.address() as { port: number }).port}`
  })
  afterAll(async () => {
    await server.close()
    app.remove()
  })

  const get = async (path: string): Promise<Answer> => {
    const response = await fetch(new URL(path, origin))
    const bytes = Buffer.from(await response.arrayBuffer())
    return {
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      bytes,
      text: bytes.toString(),
    }
  }
  /** Follows an import of `?url` to the file behind it. */
  const behind = async (module: string): Promise<Answer> => {
    const url = /export default "([^"]+)"/.exec((await get(module)).text)?.[1]
    return get(url!)
  }
  const imports = (code: string) => [...code.matchAll(/from "([^"]+)"/g)].map(([, path]) => path!)

  it('serves every variant with its hash, as bytes', async () => {
    const module = await get('/src/digits_mlp.onnx?import')
    expect(module.type).toBe('text/javascript')
    const files = [...module.text.matchAll(/"url":"([^"]+\.onnxv)"/g)].map(([, url]) => url!)
    expect(files.length).toBeGreaterThan(0)
    const hashes = [...module.text.matchAll(/"sha256":"(\w+)"/g)].map(([, hash]) => hash)
    for (const file of files) {
      const { status, type, bytes } = await get(file)
      expect({ status, type }).toEqual({ status: 200, type: 'application/octet-stream' })
      expect(hashes).toContain(
        Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))).toString('hex'),
      )
    }
  })

  it("serves onnxruntime-web's files as they are, with their types", async () => {
    const module = await get('/src/digits_mlp.onnx?import')
    const engines = imports(module.text).filter((path) => path.includes('unplugin-onnx/engine/'))
    expect(engines).toHaveLength(2)
    const served: string[] = []
    for (const engine of engines) {
      for (const file of imports((await get(engine)).text).filter((path) => path.includes('/ort'))) {
        const { status, type, bytes } = await behind(file)
        expect(status).toBe(200)
        expect(type).toBe(file.includes('.wasm?') ? 'application/wasm' : 'text/javascript')
        expect(bytes.includes('/@vite/')).toBe(false)
        served.push(file)
      }
    }
    expect(served).toHaveLength(6)
  })

  it('serves the runtime as it is, without a map of it onto itself', async () => {
    const module = await get('/src/digits_mlp.onnx?import')
    const runtime = imports(module.text).find((path) => path.endsWith('/runtime.js'))!
    const built = fileURLToPath(import.meta.resolve('unplugin-onnx/runtime'))
    expect((await get(runtime)).text).toBe(readFileSync(built, 'utf8'))
    expect(module.text).not.toContain('sourceMappingURL')
  })

  it('serves the untouched file of ?url', async () => {
    const { bytes } = await behind('/src/digits_mlp.onnx?import&url')
    expect(bytes.byteLength).toBe(46190)
  })

  it('shows a broken model in the overlay, lives on, and takes the mended model', async () => {
    const model = join(app.dir, 'src/digits_mlp.onnx')
    await get('/src/main.js')
    const overlays: string[] = []
    let reloads = 0
    const { send } = server.environments.client.hot
    server.environments.client.hot.send = (...args: unknown[]) => {
      const payload = args[0] as { type?: string; err?: { message: string } }
      if (payload.type === 'full-reload') reloads++
      if (payload.type === 'error') overlays.push(payload.err!.message)
      return (send as (...all: unknown[]) => void).apply(server.environments.client.hot, args)
    }
    writeFileSync(model, '<!doctype html><title>Not found</title>')
    await expect.poll(async () => (await get('/src/digits_mlp.onnx?import')).status).toBe(500)
    expect(overlays.join()).toMatch(/digits_mlp\.onnx.*HTML/)
    expect((await get('/src/diabetes_mlp.onnx?import')).status).toBe(200)

    const reloadsBefore = reloads
    replaceFile(modelFile('digits_mlp.onnx'), model)
    await expect.poll(() => reloads).toBeGreaterThan(reloadsBefore)
    await expect.poll(async () => (await get('/src/digits_mlp.onnx?import')).status).toBe(200)
  })

  it('converts again when the configuration file changes', async () => {
    expect((await get('/src/diabetes_mlp.onnx?import')).text).toContain('"webgpu"')
    writeFileSync(join(app.dir, 'onnx.config.mjs'), "export default { targets: ['wasm'] }\n")
    await expect
      .poll(async () => (await get('/src/diabetes_mlp.onnx?import')).text, { timeout: 60_000 })
      .not.toContain('"webgpu"')
  })
})
