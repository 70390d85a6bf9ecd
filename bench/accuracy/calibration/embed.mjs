import { otherTexts } from '../sentences.mjs'

export default otherTexts
