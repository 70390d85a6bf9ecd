import { otherFiles } from '../filetype.mjs'

export default otherFiles
