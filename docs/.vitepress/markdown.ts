/**
 * The pages are plain Markdown that reads as well on GitHub. What differs on the site is done here: links to files that
 * are no pages, the README's set-up as tabs, and links into the README, which is the home page.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'

type Token = ReturnType<MarkdownRenderer['parse']>[number]

const docs = resolve(import.meta.dirname, '..')

/**
 * A link of a page as the site has it.
 * @returns nothing where it leads to a file that the site does not have; `file` is its path from the repository's root
 */
function onSite(link: string, isHome: boolean): { to?: string; file: string } {
  const [path = '', hash = ''] = link.split(/(?=#)/)
  if (/^(?:[a-z]+:|#|\/)/.test(link) || path === '') return { to: link, file: '' }
  // The home page shows parts of README.md, whose links start at the repository's root.
  if (isHome && path.startsWith('docs/')) return { to: `./${link.slice('docs/'.length)}`, file: path }
  if (isHome ? existsSync(resolve(docs, path)) : !path.startsWith('../')) return { to: link, file: path }
  const file = path.replace(/^(?:\.\.\/)+/, '')
  return file === 'README.md' ? { to: `/${hash}`, file } : { file }
}

/** A number and its unit stay on one line. */
const withUnits = (text: string): string => text.replace(/(\d) (?=(?:[kMG]i?B|dB|%|ms|s)(?!\w))/g, '$1\u00a0')

function rewriteLinks(tokens: Token[], isHome: boolean, source: string | undefined): void {
  let dropped = false
  for (const token of tokens) {
    if (token.type === 'text') token.content = withUnits(token.content)
    else if (token.type === 'image') {
      const src = token.attrGet('src')
      if (isHome && src?.startsWith('docs/')) token.attrSet('src', src.replace('docs/', './'))
    } else if (token.type === 'link_open') {
      const href = token.attrGet('href') ?? ''
      const { to: page, file } = onSite(href, isHome)
      const to = page ?? (source === undefined ? undefined : `${source}/blob/HEAD/${file}`)
      dropped = to === undefined
      if (to !== undefined) token.attrSet('href', to)
      else {
        token.tag = 'span'
        token.attrs = [['title', `${file} in the repository`]]
        // The site's own rule for links looks at the address.
        token.type = 'span_open'
      }
    } else if (token.type === 'link_close' && dropped) {
      token.tag = 'span'
      token.type = 'span_close'
      dropped = false
    }
  }
}

/** Sections of the home page that have a code block and nothing else, one after the other, become tabs. */
function withTabs(tokens: Token[], make: (type: string, nesting: 1 | -1) => Token): Token[] {
  const result: Token[] = []
  for (let at = 0; at < tokens.length; at++) {
    const group: Token[] = []
    for (;;) {
      const [open, title, close, fence, after] = tokens.slice(at, at + 5)
      if (open?.type !== 'heading_open' || open.tag !== 'h3' || close?.type !== 'heading_close') break
      if (fence?.type !== 'fence' || after?.type !== 'heading_open') break
      fence.info = `${fence.info} [${title?.content}]`
      group.push(fence)
      at += 4
    }
    if (group.length > 1)
      result.push(make('container_code-group_open', 1), ...group, make('container_code-group_close', -1))
    else if (group.length === 1) at -= 4
    const token = tokens[at]
    if (token) result.push(token)
  }
  return result
}

/** Anchors as GitHub makes them of headings, so that a link works in both. */
export const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replace(/ /g, '-')

export function repositoryPages(md: MarkdownRenderer, source: string | undefined): void {
  md.core.ruler.push('repository_pages', (state) => {
    const isHome = state.env.relativePath === 'index.md'
    for (const token of state.tokens) {
      if (token.children) rewriteLinks(token.children, isHome, source)
      const reason = token.type === 'html_block' && /^<!-- not run: (.+) -->$/m.exec(token.content)?.[1]
      if (reason)
        token.content = `<p class="not-run">Not run by the tests: ${md.utils.escapeHtml(reason)}.</p>\n`
    }
    if (isHome) {
      state.tokens = withTabs(state.tokens, (type, nesting) => {
        const token = new state.Token(type, 'div', nesting)
        token.block = true
        token.info = ' code-group'
        return token
      })
    }
  })
}
