import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { openCalibration } from '../calibration'
import { errors } from '../errors'
import { ExternalFiles, readExternalFile } from '../external'
import { sha256 } from '../hash'
import { openModelFile } from '../open-model'
import { readBytes } from '../read-bytes'
import { onDisk, readWork } from '../work-files'
import { engineProblem } from './engine-problem'
import type { ModelFile } from './task'
import type { Sample, SampleSet, Workbench } from './workbench'
import { writeChunks } from './write-chunks'

/** A folder that all processes of a conversion share; the source lies where its user has it. */
export function workFolder(model: ModelFile, folder: string): Workbench {
  const sampleFile = (set: SampleSet, index: number): string => join(folder, `${set}.${index}.sample`)
  return {
    openSource() {
      const bytes = readBytes(model.path)
      if (sha256(bytes) !== model.sha256) throw errors.modelChanging(model.name)
      const files = new ExternalFiles(model.path, model.name)
      return {
        bytes,
        external: files.reader,
        externalData: () =>
          model.external.map((location) => ({
            path: location,
            data: readExternalFile(model.path, model.name, location),
          })),
        close: () => files.close(),
      }
    },
    open: (file) =>
      openModelFile(
        file === undefined ? model.path : join(folder, file),
        model.name,
        undefined,
        model.limits,
      ),
    keep: (file, chunks) => writeChunks(join(folder, file), chunks),
    async read(file, expected) {
      const bytes = readWork(join(folder, file))
      return sha256(bytes) === expected ? bytes : undefined
    },
    keepSample: (set, index, sample) =>
      onDisk(() => writeFileSync(sampleFile(set, index), serialize(sample))),
    sample: (set, index) => deserialize(onDisk(() => readFileSync(sampleFile(set, index)))) as Sample,
    openCalibration: (data, sampled) => openCalibration(data, sampled, folder),
    problemOf: engineProblem,
  }
}
