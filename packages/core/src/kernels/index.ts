export {
  cosineSimilarity,
  type ErrorMeasures,
  maxAbsError,
  measureErrors,
  type Numbers,
  SQNR_MAX,
  sqnr,
  top1Agreement,
} from './error-measures'
export { FLOAT16_OVERFLOW, type Float16Fit, float16Fit, fromFloat16, toFloat16 } from './float16'
export {
  absMaxPerChannel,
  type ChannelLayout,
  channelLayout,
  dequantizeInt8,
  quantizeInt8,
  symmetricScales,
} from './int8'
