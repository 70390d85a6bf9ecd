export { quantizeBlocks, quantizeColumns } from './blocks'
export { addUpErrors } from './error-measures'
export { float16Fit, fromFloat16, toFloat16 } from './float16'
export { absMaxColumns, absMaxGroups, int8Columns, int8Fitted, int8Groups, int8ShortGroups, squares } from './int8'
