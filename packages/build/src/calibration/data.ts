import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { errors } from '../errors'
import { canonical, type HashedFile, hashFile, sha256 } from '../hash'
import { absolute } from '../source'
import { filesIn, isPicture, isWav } from './folder'
import { localFiles } from './local-files'
import type { FileCalibration, ImageCalibration, NormalizedCalibration, WavCalibration } from './options'
import { findSharp, type SharpPackage } from './picture-file'

/** A file of calibration data by the name that messages have for it. */
export type DataFile = HashedFile & { readonly name: string }

/** Calibration data, found and hashed, but not looked into. Plain data, for worker processes. */
export type CalibrationData = {
  /** As the user wrote it, for messages. */
  readonly name: string
  /** The file itself and all that goes with it, or all files of a folder that are taken: a change wants a new conversion. */
  readonly files: readonly DataFile[]
  /** Of everything that the samples depend on but the options. */
  readonly sha256: string
} & (
  | {
      readonly kind: 'numpy' | 'module'
      readonly path: string
      readonly options: Omit<FileCalibration, 'file'>
    }
  | {
      readonly kind: 'images'
      readonly options: Omit<ImageCalibration, 'images'>
      readonly sharp: SharpPackage
    }
  | { readonly kind: 'wav'; readonly options: Omit<WavCalibration, 'wav'> }
)

/**
 * Finds what `calibration` names and hashes all of it, a file after the other.
 * @throws OnnxError ONNX_CALIBRATION_NOT_FOUND, ONNX_CALIBRATION_INVALID, ONNX_SHARP_MISSING
 */
export async function hashCalibration(
  root: string,
  calibration: NormalizedCalibration | undefined,
  model: string,
): Promise<CalibrationData | null> {
  if (calibration === undefined) return null
  const { path: name, kind, options } = calibration
  const path = absolute(root, name)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw errors.calibrationNotFound(model, name)
  const invalid = (message: string, cure: string) => errors.calibrationInvalid(model, name, message, cure)
  if (!found.isDirectory()) {
    if (kind === 'images' || kind === 'wav')
      throw invalid('is no folder', `Name the folder, or write file: '${name}'.`)
    return fileData(path, name, options, model)
  }
  if (kind === 'file') throw invalid('is a folder', 'Write images or wav in place of file.')
  const files = await filesIn(path)
  const pictures = files.filter((file) => isPicture(file.name))
  const recordings = files.filter((file) => isWav(file.name))
  if (kind === 'path' && pictures.length > 0 && recordings.length > 0)
    throw invalid('holds pictures and WAV files', `Write { images: '${name}' } or { wav: '${name}' }.`)
  const sound = recordings.length > 0
  const taken = kind === 'wav' || (kind === 'path' && sound) ? recordings : pictures
  if (taken.length === 0) {
    const wanted = { path: 'neither pictures nor WAV files', images: 'no pictures', wav: 'no WAV files' }[
      kind
    ]
    throw invalid(`holds ${wanted}`, 'Put some there: .jpg, .png, .webp, .gif, .tif, .avif, or .wav.')
  }
  const hashed: DataFile[] = []
  for (const file of taken) hashed.push(await dataFile(file.path, file.name, model, name))
  const contents = hashed.map((file) => file.sha256)
  if (kind === 'wav' || (kind === 'path' && sound))
    return { kind: 'wav', name, files: hashed, sha256: sha256(canonical(['wav', contents])), options }
  const sharp = await findSharp(root, model, name)
  // Another sharp may decode and shrink a little differently.
  const key = sha256(canonical(['images', contents, sharp.version]))
  return { kind: 'images', name, files: hashed, sha256: key, options, sharp }
}

async function fileData(
  path: string,
  name: string,
  options: Omit<FileCalibration, 'file'>,
  model: string,
): Promise<CalibrationData> {
  const array = /\.(npz|npy)$/i.exec(path)?.[1]
  if (array === undefined && !/\.[cm]?[jt]s$/i.test(path))
    throw errors.calibrationInvalid(
      model,
      name,
      'is neither .npz, .npy, a module nor a folder',
      'Save it with numpy.savez, write a module that yields feeds, or name a folder of pictures or WAV files.',
    )
  const own = await dataFile(path, name, model, name)
  if (array !== undefined) {
    const key = sha256(canonical([array.toLowerCase(), own.sha256]))
    return { kind: 'numpy', name, path, files: [own], sha256: key, options }
  }
  const files = [own]
  for (const local of await localFiles(path)) files.push(await dataFile(local, basename(local), model, name))
  const key = sha256(canonical(['module', ...files.map((file) => file.sha256)]))
  return { kind: 'module', name, path, files, sha256: key, options }
}

async function dataFile(path: string, name: string, model: string, calibration: string): Promise<DataFile> {
  try {
    return { ...(await hashFile(path)), name }
  } catch {
    throw errors.calibrationNotFound(model, calibration)
  }
}
