import { readFileSync } from 'node:fs'
import { otherSpeech } from '../speech.mjs'
import { modelOf } from '../wheels.mjs'

export default () => otherSpeech(readFileSync(modelOf('vad16k')))
