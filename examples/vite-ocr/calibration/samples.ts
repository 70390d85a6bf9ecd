import { readFileSync } from 'node:fs'
import { PNG } from 'pngjs'
import type { Pixels, Quad } from '../src/ocr/pixels'

const picture = (name: string): Pixels =>
  PNG.sync.read(readFileSync(new URL(`../src/${name}.png`, import.meta.url)))

/** A quad from left, top, right and bottom. */
const upright = (left: number, top: number, right: number, bottom: number): Quad => [
  { x: left, y: top },
  { x: right, y: top },
  { x: right, y: bottom },
  { x: left, y: bottom },
]

/** The app's sample pictures, and where their lines stand, as the detector finds them. */
export const samples: readonly { readonly image: Pixels; readonly quads: readonly Quad[] }[] = [
  {
    image: picture('poster'),
    quads: [
      upright(71, 67, 471, 94),
      upright(73, 140, 542, 233),
      upright(70, 257, 413, 376),
      upright(69, 404, 624, 446),
      upright(72, 504, 557, 546),
      upright(71, 568, 384, 601),
      upright(72, 621, 495, 654),
      upright(72, 1093, 359, 1126),
      upright(498, 1093, 835, 1126),
    ],
  },
  { image: picture('ticket'), quads: [upright(153, 52, 467, 93), upright(153, 114, 387, 144)] },
]
