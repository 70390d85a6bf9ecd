/** The program as Rollup builds it, in Node. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Built, buildExample } from '../../testing'

const run = promisify(execFile)
const example = resolve(import.meta.dirname, '..')

let built: Built
/** A folder beside the program's own, so that it finds its table and its packages. */
let dist: string
beforeAll(async () => {
  built = await buildExample(import.meta.dirname, ['rollup', 'rollup'], (out) => ['--config', '--dir', out])
  mkdirSync(join(example, 'node_modules'), { recursive: true })
  const folder = mkdtempSync(join(example, 'node_modules/.test-'))
  dist = join(folder, 'dist')
  renameSync(built.out, dist)
}, 300_000)
afterAll(() => {
  built?.remove()
  if (dist) rmSync(resolve(dist, '..'), { recursive: true, force: true })
})

async function program(...args: string[]) {
  const { stdout } = await run(process.execPath, [join(dist, 'main.js'), ...args])
  return stdout
}

it('explains as much of the variance as the source model', async () => {
  const table = join(example, 'data/patients.csv')
  const result = JSON.parse(await program(table, '--json', '--source'))
  expect(result.rows).toBe(200)
  expect(result.source.r2).toBeGreaterThan(0.43)
  expect(result.r2).toBeCloseTo(result.source.r2, 2)
  expect(result.model).toMatchObject({ target: 'node', provider: 'cpu' })
  expect(result.model.bytes).toBeLessThan(4225)
})

it('prints predictions beside the truth', async () => {
  const output = await program(join(example, 'data/patients.csv'), '--rows', '3')
  expect(output).toMatch(/row +predicted +truth\n +1 +9\d\.\d +79\n/)
  expect(output).toMatch(/200 rows: r² 0\.43/)
})

it('says which line of a table it cannot read', async () => {
  const broken = join(dist, 'broken.csv')
  writeFileSync(broken, 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6,progress\n1,2,x,4,5,6,7,8,9,10,11\n')
  await expect(program(broken)).rejects.toThrow("line 2, 'bmi': no number")
})

it('needs no browser engine', () => {
  expect([...built.files.keys()].filter((name) => /wasm/.test(name))).toEqual([])
})
