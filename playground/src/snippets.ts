/** The same work as text: what a build's configuration and the command line say for it. */

import { printable } from '@report/../src/printable'
import type { Step } from '@unplugin-onnx/core'
import type { Choices } from './choices'

/** Values that differ from what a build does by itself. */
function differing({ accuracy, prefer, effort, targets }: Choices): [string, unknown][] {
  const standard = { accuracy: 'balanced', prefer: 'balanced', effort: 'default' }
  const given = { targets, accuracy, prefer, effort }
  return Object.entries(given).filter(([key, value]) => standard[key as keyof typeof standard] !== value)
}

/** The text of an `onnx.config.ts`. */
export function configText(model: string, choices: Choices, calibration: string | undefined): string {
  const options = differing(choices).map(([key, value]) => `${key}: ${literal(value)}`)
  if (calibration !== undefined) options.push(`calibration: ${literal(`./${calibration}`)}`)
  return [
    '// onnx.config.ts',
    "import { defineConfig } from 'unplugin-onnx'",
    '',
    'export default defineConfig({',
    '  models: {',
    `    ${literal(`**/${model}`)}: {`,
    ...options.map((option) => `      ${option},`),
    '    },',
    '  },',
    '})',
    '',
  ].join('\n')
}

export function convertCommand(model: string, choices: Choices, calibration: string | undefined): string {
  const flags = differing(choices).map(([key, value]) =>
    key === 'targets' ? `--target ${choices.targets.join(',')}` : `--${key} ${String(value)}`,
  )
  if (calibration !== undefined) flags.push(`--calibration ${shell(calibration)}`)
  return command(['convert', shell(model), '--out variants', ...flags])
}

export function transformCommand(
  model: string,
  steps: readonly Step[],
  calibration: string | undefined,
): string {
  const passes = steps.map(({ pass, options }) => {
    const given = Object.keys(options ?? {}).length > 0
    return `--pass ${shell(given ? `${pass}:${JSON.stringify(options)}` : pass)}`
  })
  if (calibration !== undefined) passes.push(`--calibration ${shell(calibration)}`)
  return command(['transform', shell(model), '--out transformed.onnx', ...passes])
}

/** One line where that is short, else one for each argument. */
function command(parts: readonly string[]): string {
  const line = ['npx unplugin-onnx', ...parts].join(' ')
  return line.length <= 76
    ? line
    : `npx unplugin-onnx ${parts.slice(0, 2).join(' ')} \\\n  ${parts.slice(2).join(' \\\n  ')}`
}

/** A word of a POSIX shell. */
function shell(text: string): string {
  const shown = printable(text)
  return /^[\w./:=,@%+-]+$/.test(shown) && !shown.startsWith('-')
    ? shown
    : `'${shown.replaceAll("'", "'\\''")}'`
}

/** TypeScript, with single quotes. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'string') return JSON.stringify(value)
  return `'${printable(value).replace(/[\\']/g, (character) => `\\${character}`)}'`
}
