import { copyFileSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shareOfWork, type Work } from '../src/index'
import { temporaryFolder } from './models'

const folder = temporaryFolder()
const targets = ['webgpu', 'wasm', 'node']

/** A project with so many files, which nobody reads as models here. */
function project(count: number, bytes: (index: number) => number = () => 100): [string, Work[]] {
  const root = mkdtempSync(join(folder, 'app-'))
  mkdirSync(join(root, 'models'))
  return [
    root,
    Array.from({ length: count }, (_, index) => {
      const file = `models/${index}.onnx`
      writeFileSync(join(root, file), Buffer.alloc(bytes(index), `model ${index} `))
      return { file, options: { targets } }
    }),
  ]
}

async function sharesOf(root: string, work: readonly Work[], count: number) {
  const shares = await Promise.all(
    Array.from({ length: count }, (_, index) => shareOfWork(root, work, { index: index + 1, count })),
  )
  return shares.map((share) =>
    share.flatMap(({ file, targets: own }) => own.map((target) => `${file} ${target}`)),
  )
}

describe('the share of one of several machines', () => {
  it.each([1, 2, 3, 4, 7, 40])(
    'is disjoint from the others, and all %i together are everything',
    async (count) => {
      const [root, work] = project(9)
      const shares = await sharesOf(root, work, count)
      const pairs = work.flatMap(({ file }) => targets.map((target) => `${file} ${target}`))
      expect(shares.flat().sort()).toEqual(pairs.sort())
    },
  )

  it('is the same on every machine, whatever the order of arguments and the times of files', async () => {
    const [root, work] = project(9)
    const [elsewhere] = project(9)
    for (const { file } of work) {
      utimesSync(join(elsewhere, file), 1, 1)
      copyFileSync(join(root, file), join(elsewhere, file))
    }
    expect(await sharesOf(elsewhere, work.toReversed(), 4)).toEqual(await sharesOf(root, work, 4))
    const absolute = work.map(({ file, options }) => ({ file: join(root, file), options }))
    expect((await sharesOf(root, absolute, 4)).flat().map((pair) => pair.replace(`${root}/`, ''))).toEqual(
      (await sharesOf(root, work, 4)).flat(),
    )
  })

  it('costs about as much as every other, external data included, and keeps most models whole', async () => {
    const [root, work] = project(40, (index) => (index % 8) * 1e5)
    for (let index = 0; index < 40; index += 5)
      writeFileSync(join(root, `models/${index}.onnx.data`), Buffer.alloc(3e6))
    const count = 8
    const cost = (pair: string) => {
      const index = Number(/(\d+)\.onnx/.exec(pair)?.[1])
      return 2e6 + (index % 8) * 1e5 + (index % 5 === 0 ? 3e6 : 0)
    }
    const costs = (await sharesOf(root, work, count)).map((share) =>
      share.reduce((sum, pair) => sum + cost(pair), 0),
    )
    const mean = costs.reduce((sum, each) => sum + each, 0) / count
    // A pair is not cut.
    for (const each of costs) expect(Math.abs(each - mean)).toBeLessThanOrEqual(5.7e6)
    const shares = await Promise.all(
      costs.map((_, index) => shareOfWork(root, work, { index: index + 1, count })),
    )
    expect(shares.flat().filter(({ whole }) => !whole).length).toBeLessThan(2 * count)
  })

  it('has files of the same content and options once, and such with other options each', async () => {
    const [root, work] = project(1)
    copyFileSync(join(root, 'models/0.onnx'), join(root, 'models/copy.onnx'))
    const copy = { file: 'models/copy.onnx', options: { targets } }
    expect((await sharesOf(root, [copy, ...work], 2)).flat()).toHaveLength(3)
    const strict = { ...copy, options: { targets, accuracy: 'high' as const } }
    expect((await sharesOf(root, [strict, ...work], 2)).flat()).toHaveLength(6)
  })

  it('is empty where there is nothing to do', async () => {
    expect(await sharesOf(folder, [], 2)).toEqual([[], []])
  })
})
