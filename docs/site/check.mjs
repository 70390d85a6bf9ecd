/**
 * Holds the built site to its links: every address inside of it leads to a page or file that is there, and every anchor
 * to an element of that page. VitePress checks pages, but neither anchors nor what is written as HTML.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'

const attribute = /\s(?:href|src|id|name)="([^"]*)"/g
const decoded = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'")

/**
 * @param {string} dist folder of the built site
 * @param {string} base path that it is served under
 * @returns {string[]} one line for each link that leads nowhere
 */
export function deadLinks(dist, base = '/') {
  const pages = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html') && file !== '404.html')
    .map((file) => file.replaceAll('\\', '/'))
  const html = new Map(pages.map((page) => [page, readFileSync(join(dist, page), 'utf8')]))
  const idsOf = new Map()
  for (const [page, text] of html) {
    const ids = [...text.matchAll(attribute)].filter(([each]) => /^\s(?:id|name)/.test(each))
    idsOf.set(page, new Set(ids.map(([, id]) => decoded(id))))
  }
  /** File of the site that an address is answered with, as hosts of clean addresses do. */
  const fileOf = (path) =>
    [path, `${path}.html`, posix.join(path, 'index.html')].find(
      (file) => idsOf.has(file) || (existsSync(join(dist, file)) && statSync(join(dist, file)).isFile()),
    )
  const dead = []
  for (const [page, text] of html) {
    for (const [whole, address] of text.matchAll(attribute)) {
      if (!/^\s(?:href|src)/.test(whole) || /^[a-z]+:|^\/\//.test(address)) continue
      const { pathname, hash } = new URL(decoded(address), `http://site${base}${page}`)
      const path = decodeURIComponent(pathname)
      const file = path.startsWith(base) ? fileOf(path.slice(base.length)) : undefined
      const anchor = decodeURIComponent(hash.slice(1))
      if (file === undefined) dead.push(`${page}: ${address} leads to nothing`)
      else if (anchor !== '' && idsOf.has(file) && !idsOf.get(file).has(anchor))
        dead.push(`${page}: ${address}: ${file} has no '${anchor}'`)
    }
  }
  return [...new Set(dead)]
}
