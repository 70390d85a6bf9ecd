import { lines } from '../pictures.mjs'

/** Every fourth line. */
export default () => [...lines()].filter((_, index) => index % 4 === 0)
