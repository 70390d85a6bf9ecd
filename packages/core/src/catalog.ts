/**
 * What there is, without the code that does it: for who only has to tell whether a model was converted before. Loading it
 * takes a fraction of the time that loading the passes takes.
 */
export { OnnxError, type OnnxErrorCode, type OnnxErrorOptions } from './errors'
export { checkModelBytes, defaultLimits, type Limits } from './graph/limits'
export { nearest } from './passes/nearest'
export { recipes, type Step } from './passes/recipes'
export { passVersions } from './passes/versions'
