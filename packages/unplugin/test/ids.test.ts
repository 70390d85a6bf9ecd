import { expect, it } from 'vitest'
import { renderFileUrls } from '../src/emit/vite'
import { engineId, engineOf, engineSpecifier, modelPattern, modelRequest } from '../src/module/ids'

it.each([
  ['/a/det.onnx', { file: '/a/det.onnx', kind: 'model' }],
  ['/a/det.onnx?import', { file: '/a/det.onnx', kind: 'model' }],
  ['/a/det.onnx?t=17&v=3', { file: '/a/det.onnx', kind: 'model' }],
  ['/a/det.onnx?url', { file: '/a/det.onnx', kind: 'url' }],
  ['/a/det.onnx?import&url', { file: '/a/det.onnx', kind: 'url' }],
  ['/a/det.onnx?raw', undefined],
  ['/a/det.onnx?url&no-inline', undefined],
  ['/a/det.int8.onnxv', undefined],
  ['/a/det.onnx.data', undefined],
  ['\0virtual.onnx', undefined],
])('%s is read as %j', (id, request) => {
  expect(modelRequest(id)).toEqual(request)
})

it('the filter sees models with and without a query, and never a variant', () => {
  expect(['a.onnx', 'a.onnx?url', 'a.onnx?import&url'].every((id) => modelPattern.test(id))).toBe(true)
  expect(['a.int8.onnxv', 'a.onnx.data', 'a.onnx.js'].some((id) => modelPattern.test(id))).toBe(false)
})

it('an engine is known by the specifier of generated code and by its resolved id', () => {
  expect(engineOf(engineSpecifier('wasm'))).toBe('wasm')
  expect(engineOf(engineId('wasm'))).toBe('wasm')
  expect(engineOf('onnxruntime-web')).toBeUndefined()
})

it('URLs of a server chunk are relative to the chunk, whatever quotes a minifier chose', () => {
  const fileOf = (reference: string) => ({ r1: 'assets/det-1a2b.onnxv' })[reference] ?? ''
  const code = 'a("__UNPLUGIN_ONNX_FILE_r1__", \'__UNPLUGIN_ONNX_FILE_r1__\', `__UNPLUGIN_ONNX_FILE_r1__`)'
  const url = 'new URL("../assets/det-1a2b.onnxv", import.meta.url).href'
  expect(renderFileUrls(code, 'server/main.js', 'es', fileOf)).toBe(`a(${url}, ${url}, ${url})`)
  expect(renderFileUrls('const a = 1', 'main.js', 'es', fileOf)).toBeUndefined()
  expect(renderFileUrls('"__UNPLUGIN_ONNX_FILE_r1__"', 'main.cjs', 'cjs', fileOf)).toBe(
    'new URL("assets/det-1a2b.onnxv", require("node:url").pathToFileURL(__filename).href).href',
  )
})
