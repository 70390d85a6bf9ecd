import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { silero, speechFeeds } from '../speech.mjs'

export default () => speechFeeds(readFileSync(join(silero, 'silero_vad_v5.onnx')))
