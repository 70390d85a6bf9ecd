import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitepress'
import { anchorOf, repositoryPages } from './markdown'

const { homepage, repository } = JSON.parse(
  readFileSync(new URL('../../packages/unplugin/package.json', import.meta.url), 'utf8'),
) as { homepage?: string; repository?: { url: string } }
/** Where files that are no pages can be read; without one they are named and not linked. */
const source = repository?.url.replace(/^git\+|\.git$/g, '')

const page = (text: string, link: string) => ({ text, link })
const start = [
  page('Guide', '/guide'),
  page('Recipes', '/recipes'),
  page('Frameworks', '/frameworks'),
  page('Coming from Python', '/from-python'),
  page('Playground', '/playground'),
]
const reference = [
  page('Options', '/options'),
  page('Targets', '/options#targets'),
  page('Passes and recipes', '/passes'),
  page('Command line', '/cli'),
  page('Errors', '/errors'),
  page('The report', '/report'),
]
const api = [
  page('unplugin-onnx', '/api/unplugin-onnx'),
  page('unplugin-onnx/runtime', '/api/runtime'),
  page('@unplugin-onnx/build', '/api/build'),
  page('@unplugin-onnx/build/browser', '/api/build-browser'),
  page('@unplugin-onnx/core', '/api/core'),
]

export default defineConfig({
  title: 'unplugin-onnx',
  description: 'Import a trained model the way you import an image: converted, verified, cached and emitted.',
  lang: 'en',
  // A site below a folder of its host says so: BASE=/unplugin-onnx/ npm run docs
  base: (process.env.BASE ??
    (homepage ? new URL(homepage).pathname.replace(/\/?$/, '/') : '/')) as `/${string}/`,
  // GitHub Pages, Netlify, Cloudflare Pages and Vercel all serve guide.html for /guide.
  cleanUrls: true,
  outDir: './.vitepress/dist',
  cacheDir: './.vitepress/cache',
  srcExclude: ['README.md'],
  metaChunk: true,
  markdown: {
    anchor: { slugify: anchorOf },
    config: (md) => repositoryPages(md, source),
    theme: { light: 'github-light', dark: 'github-dark' },
  },
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  themeConfig: {
    search: { provider: 'local' },
    outline: { level: [2, 3] },
    nav: [
      page('Guide', '/guide'),
      page('Recipes', '/recipes'),
      { text: 'Reference', items: reference },
      { text: 'API', items: api },
      page('Comparison', '/comparison'),
    ],
    sidebar: [
      { text: 'Start', items: start },
      { text: 'Reference', items: reference },
      { text: 'Teams', items: [page('Cache and CI', '/ci')] },
      { text: 'Why', items: [page('Comparison', '/comparison')] },
      { text: 'API', collapsed: true, items: api },
    ],
    ...(source ? { socialLinks: [{ icon: 'github' as const, link: source }] } : {}),
    footer: { message: 'MIT License' },
  },
})
