/** Writes a Markdown file into the pull request's comment of ours, or a first one. Reads all it needs from the environment. */
import { readFileSync } from 'node:fs'

const {
  GITHUB_API_URL: api = 'https://api.github.com',
  GITHUB_REPOSITORY: repository,
  GITHUB_TOKEN: token,
  GITHUB_WORKFLOW: workflow = '',
  GITHUB_JOB: job = '',
  MARKDOWN: file,
  PULL_REQUEST: number,
} = process.env

/** Finds it again. Two jobs of a repository have a comment each. */
const marker = `<!-- unplugin-onnx diff ${encodeURIComponent(`${workflow}/${job}`)} -->`
/** GitHub takes no longer one. */
const longest = 65_000

/** @returns {Promise<any>} */
async function call(path, method = 'GET', body = undefined) {
  const response = await fetch(`${api}/repos/${repository}${path}`, {
    method,
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'x-github-api-version': '2022-11-28',
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!response.ok)
    throw Object.assign(new Error(`${method} ${path}: ${response.status}`), { status: response.status })
  return response.json()
}

async function comments() {
  const found = []
  for (let page = 1; ; page++) {
    const some = await call(`/issues/${number}/comments?per_page=100&page=${page}`)
    found.push(...some)
    if (some.length < 100) return found
  }
}

const markdown = readFileSync(file, 'utf8')
const cut =
  markdown.length > longest
    ? `${markdown.slice(0, markdown.lastIndexOf('\n', longest))}\n\nThe rest is in the job summary.\n`
    : markdown
const body = `${marker}\n## ONNX models\n\n${cut}`
try {
  const ours = (await comments()).find((comment) => String(comment.body).startsWith(marker))
  if (ours === undefined) await call(`/issues/${number}/comments`, 'POST', { body })
  else if (ours.body !== body) await call(`/issues/comments/${ours.id}`, 'PATCH', { body })
} catch (error) {
  // Of pull requests from forks GitHub lets nobody write: the job summary has it all.
  if (error.status !== 403 && error.status !== 404) throw error
  console.log(`::notice::No comment: the token may not write to the pull request (${error.status}).`)
}
