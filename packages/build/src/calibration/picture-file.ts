import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as sharp from 'sharp'
import { errors } from '../errors'

/** An installed sharp. */
export interface SharpPackage {
  /** Path of the module to import. */
  readonly entry: string
  readonly version: string
}

/**
 * Finds sharp: the project's own first, else one beside this package.
 * @throws OnnxError ONNX_SHARP_MISSING
 */
export async function findSharp(root: string, model: string, calibration: string): Promise<SharpPackage> {
  let cause: unknown
  for (const base of [join(root, 'package.json'), import.meta.url]) {
    try {
      const entry = createRequire(base).resolve('sharp')
      return { entry, version: await versionOf(entry) }
    } catch (error) {
      cause = error
    }
  }
  throw errors.sharpMissing(model, calibration, cause)
}

async function versionOf(entry: string): Promise<string> {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown }
    if (name === 'sharp' && typeof version === 'string') return version
  }
  throw new Error('no package.json of sharp')
}

/** How a picture becomes pixels. */
export interface PictureForm {
  readonly width: number
  readonly height: number
  /** Numbers of a pixel: 1 grey, 3 red, green and blue, 4 with opacity. */
  readonly planes: 1 | 3 | 4
  readonly fit: 'cover' | 'contain' | 'fill'
}

/** Reads pictures through sharp. */
export interface PictureReader {
  /** Width and height as it is meant to be seen. */
  size(path: string): Promise<{ readonly width: number; readonly height: number }>
  /** Bytes of all pixels, row by row, the numbers of a pixel together. */
  pixels(path: string, form: PictureForm): Promise<Uint8Array>
}

const black = { r: 0, g: 0, b: 0, alpha: 1 }

export async function pictureReader({ entry }: SharpPackage): Promise<PictureReader> {
  const loaded = (await import(pathToFileURL(entry).href)) as { readonly default: typeof sharp.default }
  const open = loaded.default
  // Each picture is read once: kept ones would only take memory.
  open.cache(false)
  return {
    async size(path) {
      const { autoOrient, width, height } = await open(path).metadata()
      return autoOrient ?? { width, height }
    },
    async pixels(path, { width, height, planes, fit }) {
      const picture = open(path, { failOn: 'error' })
        .rotate()
        .resize(width, height, { fit, background: black, fastShrinkOnLoad: false })
      const opaque = planes === 4 ? picture.ensureAlpha() : picture.flatten({ background: black })
      const coloured = planes === 1 ? opaque.greyscale().toColourspace('b-w') : opaque.toColourspace('srgb')
      const { data, info } = await coloured.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
      if (info.channels !== planes)
        throw new Error(`has ${info.channels} channels where ${planes} were asked for`)
      return data
    },
  }
}
