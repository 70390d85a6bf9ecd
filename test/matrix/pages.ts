import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A page for bundlers that make scripts alone. */
export function writePage(folder: string, name: string, script: string, type = 'module'): void {
  const tag =
    type === 'module'
      ? `<script type="module" src="${script}"></script>`
      : `<script src="${script}"></script>`
  writeFileSync(
    join(folder, name),
    `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Built</title>${tag}\n`,
  )
}
