/**
 * `npm run demo`: from a bare clone to real models in a real browser. Installs, builds, builds the four examples (which
 * converts and verifies their models and prints what came of each), runs them in Chromium and in Node, and holds what
 * they read, hear and recognize against the untouched models. `npm run demo -- --serve` keeps the OCR page open.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { installAndBuild, pnpm, root, run, step } from './steps.mjs'

const examples = join(root, 'examples')
const line = (text = '') => process.stdout.write(`${text}\n`)

installAndBuild()
step('Find or install Chromium', () => run(process.execPath, ['scripts/chromium.mjs']))
for (const name of ['vite-ocr', 'webpack-vad', 'rollup-digits', 'node-tabular']) {
  // Without CI, so that long conversions show their progress line in a terminal.
  step(`Build examples/${name}: convert, verify, bundle`, () =>
    pnpm(['run', 'build'], { cwd: join(examples, name) }),
  )
}

// Only now is everything there that these need.
const { launch } = await import('../test/harness/browser.mjs')
const { serve } = await import('../test/harness/server.mjs')

const headers = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}
const ms = (value) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
const kilobytes = (bytes) =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`
const failures = []

/** What a page is expected to hold to: anything else makes the demo fail. */
function expectSame(what, variant, source) {
  const same = JSON.stringify(variant) === JSON.stringify(source)
  line(`  ${same ? '✓ the same' : '✗ NOT the same'} from source and variants: ${what}`)
  if (!same) failures.push(`${what}: ${JSON.stringify(variant)} is not ${JSON.stringify(source)}`)
}

function showModels(models) {
  for (const { name = 'Model', target, provider, recipe, bytes } of models) {
    line(
      `  ${name.padEnd(12)} target ${target.padEnd(7)} provider in Chromium: ${provider.padEnd(7)} ${recipe.padEnd(12)} ${kilobytes(bytes)}`,
    )
  }
}

const browser = await launch()
const visit = async (example, query) => {
  const server = await serve(join(examples, example, 'dist'), { headers })
  line(`  ${example}/${query}`)
  try {
    const { result, error, problems } = await browser.visit(`${server.url}${query}`, { timeout: 300_000 })
    if (error !== undefined || problems.length > 0)
      failures.push(`${example}${query}: ${error ?? problems.join(', ')}`)
    return result
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
    return undefined
  } finally {
    await server.close()
  }
}

line('\n▸ Read a picture in Chromium (examples/vite-ocr)')
// Without a graphics card WebGPU is computed by SwiftShader, slowly: a small picture is enough for it.
for (const query of ['?provider=webgpu&sample=ticket&source', '?provider=wasm&source']) {
  const result = await visit('vite-ocr', query)
  if (!result) continue
  const { models, lines, source, warm, load } = result
  showModels(models)
  const { detect, recognize } = (warm ?? result).milliseconds
  line(
    `  open ${ms(load)}, read ${ms(detect + recognize)}; the source on wasm: ${ms(source.milliseconds.detect + source.milliseconds.recognize)}`,
  )
  expectSame(
    `${lines.length} lines of text`,
    lines.map(({ text }) => text),
    source.lines.map(({ text }) => text),
  )
  for (const { text, confidence } of lines)
    line(`    ${(100 * confidence).toFixed(0).padStart(3)} %  ${text}`)
}

line('\n▸ Find speech in a recording in Chromium (examples/webpack-vad)')
const vad = await visit('webpack-vad', '?source')
if (vad) {
  showModels([{ name: 'silero VAD', ...vad.model }])
  const rounded = (segments) =>
    segments.map((segment) => Object.values(segment).map((time) => Math.round(10 * time) / 10))
  line(
    `  ${vad.segments.length} segments of speech in ${vad.seconds.toFixed(1)} s, heard in ${ms(vad.milliseconds.listen)}`,
  )
  expectSame(
    'segments of speech, to a tenth of a second',
    rounded(vad.segments),
    rounded(vad.source.segments),
  )
}

line('\n▸ Recognize a drawn digit in Chromium (examples/rollup-digits)')
for (const provider of ['webgpu', 'wasm']) {
  const digits = await visit('rollup-digits', `?provider=${provider}&source`)
  if (!digits) continue
  showModels([{ name: 'digits', ...digits.model }])
  const { probabilities } = digits.source
  expectSame(`the digit ${digits.digit}`, digits.digit, probabilities.indexOf(Math.max(...probabilities)))
}
await browser.close()

line('\n▸ Predict in Node (examples/node-tabular)')
const tabular = JSON.parse(
  execFileSync(process.execPath, ['dist/main.js', '--json', '--source'], {
    cwd: join(examples, 'node-tabular'),
    encoding: 'utf8',
  }),
)
line(
  `  target ${tabular.model.target}, provider ${tabular.model.provider} of onnxruntime-node, ${tabular.model.recipe}, ${kilobytes(tabular.model.bytes)}`,
)
line(`  r2 over ${tabular.rows} rows: ${tabular.r2.toFixed(4)}; the source: ${tabular.source.r2.toFixed(4)}`)
if (Math.abs(tabular.r2 - tabular.source.r2) > 0.005)
  failures.push('node-tabular: r2 differs by more than 0.005')

if (failures.length > 0) {
  line(`\n✗ ${failures.length} of the demo's checks failed:\n  ${failures.join('\n  ')}`)
  process.exit(1)
}
line('\n✓ Every model computes what its source computes.')

if (process.argv.includes('--serve')) {
  const { url } = await serve(join(examples, 'vite-ocr', 'dist'), { headers })
  line(`\nThe OCR example is at ${url} until you press Ctrl+C.`)
} else {
  line('Keep the page open: npm run demo -- --serve')
}
