import { nearest } from '@unplugin-onnx/core'
import type { Manifest, ValueSignature } from '@unplugin-onnx/runtime'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import type { Conversion } from '../src/converter'
import { printable } from '../src/printable'
import { formatSummary } from '../src/summary'
import { typesFor } from '../src/types'

const manifest = (inputs: readonly ValueSignature[], file = 'models/det.onnx'): Manifest => ({
  version: 1,
  source: { file, bytes: 4_700_000, brotliBytes: 4_300_000, sha256: '', external: [] },
  inputs,
  outputs: [{ name: 'y', type: 'float32', dims: ['batch', 10] }],
  variants: [
    {
      target: 'webgpu',
      provider: 'webgpu',
      file: 'int8.onnxv',
      bytes: 1_300_000,
      brotliBytes: 1_000_000,
      sha256: '',
      recipe: 'int8',
      accuracy: { sqnr: 31.24, cosine: 0.9996, maxError: 0.1, top1: 0.99 },
    },
    {
      target: 'wasm',
      provider: 'wasm',
      file: 'int8.onnxv',
      bytes: 1_300_000,
      brotliBytes: 1_000_000,
      sha256: '',
      recipe: 'int8',
      accuracy: { sqnr: 31.24, cosine: 0.9996, maxError: 0.1, top1: 0.99 },
    },
    {
      target: 'node',
      provider: 'cpu',
      file: 'float16.onnxv',
      bytes: 2_400_000,
      brotliBytes: 2_000_000,
      sha256: '',
      recipe: 'float16',
      accuracy: { sqnr: 200, cosine: 1, maxError: 0 },
    },
  ],
  candidates: [
    {
      target: 'webgpu',
      recipe: 'int8',
      bytes: 1_300_000,
      chosen: true,
      reason: 'It is the smallest within the budget: 31.2 dB.',
    },
    {
      target: 'wasm',
      recipe: 'int8',
      bytes: 1_300_000,
      chosen: true,
      reason: 'It is the smallest within the budget: 31.2 dB.',
    },
    {
      target: 'node',
      recipe: 'int8',
      bytes: 1_300_000,
      chosen: false,
      reason: '20.0 dB is 5.0 dB short of 25 dB.',
    },
    {
      target: 'node',
      recipe: 'float16',
      bytes: 2_400_000,
      chosen: true,
      reason: 'It is the smallest within the budget: no difference.',
    },
    {
      target: 'node',
      recipe: 'float32',
      bytes: 4_600_000,
      chosen: false,
      reason: 'float16 is smaller and within the budget.',
    },
  ],
  verifiedOn: { source: 'calibration', samples: 24 },
  engines: {},
  warnings: [],
})
const conversion = (of: Manifest): Conversion => ({
  manifest: of,
  dir: '',
  key: '',
  cached: false,
  dependencies: [],
  seconds: 3.21,
})

describe('types of a model', () => {
  it('read like this', () => {
    const inputs: ValueSignature[] = [
      { name: 'x', type: 'float32', dims: [1, 3, 'height', null] },
      { name: 'threshold', type: 'float64', optional: true },
    ]
    expect(
      typesFor(manifest(inputs), 'unplugin-onnx/runtime'),
    ).toBe(`// Written by unplugin-onnx from det.onnx; it is written again when the model changes.
import type { OnnxAsset, TypedTensor } from 'unplugin-onnx/runtime'

/** What the model is fed. */
export type Inputs = {
  /** float32 [1, 3, height, ?] */
  readonly 'x': TypedTensor<'float32'>
  /** float64 any shape */
  readonly 'threshold'?: TypedTensor<'float64'>
}

/** What the model gives. */
export type Outputs = {
  /** float32 [batch, 10] */
  readonly 'y': TypedTensor<'float32'>
}

declare const asset: OnnxAsset<Inputs, Outputs>
export default asset
`)
  })

  it('keep hostile names as text', () => {
    const names = [
      "a'b",
      'a"b',
      'a\\',
      "'; import 'evil'; '",
      '*/ evil() /*',
      'a\nb',
      'a\u2028b',
      '\0',
      '__proto__',
      '`x`',
      '\ud800',
    ]
    const inputs = names.map((name): ValueSignature => ({ name, type: 'float32', dims: [name] }))
    const text = typesFor(manifest(inputs, 'a\n*/ evil().onnx'), 'x')
    const source = ts.createSourceFile('a.d.ts', text, ts.ScriptTarget.Latest, true)
    expect((source as unknown as { parseDiagnostics: unknown[] }).parseDiagnostics).toEqual([])
    expect(source.statements.map((statement) => ts.SyntaxKind[statement.kind])).toEqual([
      'ImportDeclaration',
      'TypeAliasDeclaration',
      'TypeAliasDeclaration',
      'FirstStatement',
      'ExportAssignment',
    ])
    const [, alias] = source.statements
    const { members } = (alias as ts.TypeAliasDeclaration).type as ts.TypeLiteralNode
    expect(members.map((member) => (member.name as ts.StringLiteral).text)).toEqual(names)
  })
})

describe('summary', () => {
  it('reads like this', () => {
    expect(`\n${formatSummary([conversion(manifest([]))], { color: false })}\n`).toMatchInlineSnapshot(`
      "
      models/det.onnx 4.70 MB, brotli 4.30 MB · verified on 24 calibration samples · converted in 3.2 s
        webgpu, wasm  int8     1.30 MB  28 %  brotli 1.00 MB  23 %    31.2 dB  top-1 99.0 %
            It is the smallest within the budget: 31.2 dB.
        node          float16  2.40 MB  51 %  brotli 2.00 MB  47 %  identical
            It is the smallest within the budget: no difference.
            not int8 (1.30 MB): 20.0 dB is 5.0 dB short of 25 dB.
      "
    `)
  })

  it('lets no escape sequence of a name through', () => {
    const text = formatSummary([conversion(manifest([], 'x\u001b]0;evil\u0007\r\n.onnx'))], { color: false })
    expect(text).toContain('x\\x1b]0;evil\\x07\\x0d\\x0a.onnx')
    expect(printable('a\u202eb\u2028')).toBe('a\\u202eb\\u2028')
  })

  it('colours only when told to', () => {
    expect(formatSummary([conversion(manifest([]))], { color: true })).toContain('\u001b[')
  })
})

describe('nearest name', () => {
  it('is found across a slip of the finger, and not across another word', () => {
    expect(nearest('wsam', ['webgpu', 'wasm', 'node'])).toBe('wasm')
    expect(nearest('Targets', ['targets'])).toBe('targets')
    expect(nearest('completely', ['webgpu', 'wasm'])).toBeUndefined()
  })
})
