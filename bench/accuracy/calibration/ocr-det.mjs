import { pages } from '../pictures.mjs'

/** Every third page. */
export default () => [...pages()].filter((_, index) => index % 3 === 0)
