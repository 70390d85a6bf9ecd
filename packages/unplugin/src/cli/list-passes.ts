import { type Pass, passes } from '@unplugin-onnx/core'
import { print } from './report'

/** Every pass with all that the registry says about it: as JSON, or as text no wider than the terminal. */
export function listPasses(json: boolean): void {
  const all = [...passes.values()]
  if (json) print(all.map(described))
  else process.stdout.write(all.map((pass) => passText(pass, process.stdout.columns ?? 100)).join('\n'))
}

function described({ name, version, summary, source, needs, ...pass }: Pass): unknown {
  const options = Object.entries(pass.options).map(([option, fallback]) => {
    const description = pass.describe[option]
    const expects = pass.expects?.[option]?.text
    return [option, { default: fallback, description, choices: pass.choices?.[option], expects }]
  })
  return { name, version, summary, source, needs, options: Object.fromEntries(options) }
}

/** @param width in characters */
export function passText({ name, summary, source, needs, ...pass }: Pass, width: number): string {
  const rows = Object.entries(pass.options).map(([option, fallback]) => {
    const allowed = allowedText(pass, option)
    const description = pass.describe[option] ?? ''
    return [option, JSON.stringify(fallback), allowed === '' ? description : `${description} (${allowed})`]
  })
  const column = (index: number) => Math.max(0, ...rows.map((row) => row[index]?.length ?? 0))
  const [names, defaults] = [column(0), column(1)]
  const lines = rows.flatMap(([option = '', fallback = '', text = '']) =>
    wrap(text, width, `    ${option.padEnd(names)}  ${fallback.padEnd(defaults)}  `),
  )
  const note = needs === undefined ? '' : ' Needs calibration data.'
  return `${[name, ...wrap(summary + note, width, '  '), ...lines, ...wrap(`Source: ${source}`, width, '  ')].join('\n')}\n`
}

function allowedText({ choices, expects }: Pick<Pass, 'choices' | 'expects'>, option: string): string {
  const values: readonly unknown[] = choices?.[option] ?? []
  const texts = values.map((value) => JSON.stringify(value))
  if (texts.length > 10) return `${texts[0]} to ${texts.at(-1)}`
  return texts.length > 0 ? texts.join(', ') : (expects?.[option]?.text ?? '')
}

/** Lines of words; the first one begins with `start`, the others are indented as far. */
function wrap(text: string, width: number, start: string): string[] {
  const indent = ' '.repeat(start.length)
  // A narrow terminal still gets a few words a line.
  const room = Math.max(24, width - start.length)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((each, index) => (index === 0 ? start : indent) + each)
}
