/**
 * Builds the site: `node docs/site/build.mjs [folder]`, docs/.vitepress/dist if none is given. Fails on a link that leads
 * nowhere, and on a snippet that nothing runs.
 */
import { resolve } from 'node:path'
import { build } from 'vitepress'
import { writeApi } from './api.mjs'
import { deadLinks } from './check.mjs'
import { unrunSnippets } from './snippets.mjs'

const docs = resolve(import.meta.dirname, '..')
const outDir = resolve(process.argv[2] ?? resolve(docs, '.vitepress/dist'))
await writeApi()
await build(docs, { outDir })
const faults = [...deadLinks(outDir, process.env.BASE), ...unrunSnippets()]
for (const line of faults) console.error(line)
if (faults.length > 0) process.exit(1)
console.log(`The site is in ${outDir}.`)
