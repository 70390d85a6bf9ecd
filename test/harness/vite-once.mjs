/** Builds an app with Vite, or starts its dev server and asks for a model's module: `node vite-once.mjs APP CACHE build|serve`. */
import { join } from 'node:path'
import onnx from 'unplugin-onnx/vite'
import { build, createServer } from 'vite'

const [, , root, dir, command] = process.argv
const config = {
  root,
  configFile: false,
  logLevel: 'silent',
  cacheDir: join(root, '.cache/vite'),
  plugins: [onnx({ logLevel: 'silent', cache: { dir } })],
}
if (command === 'build') await build(config)
else {
  const server = await createServer({ ...config, server: { middlewareMode: true, ws: false } })
  const module = await server.transformRequest('/src/digits_mlp.onnx?import')
  if (!module?.code.includes('defineAsset')) throw new Error('no model was imported')
  await server.close()
}
