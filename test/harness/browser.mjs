/** Chromium, driven: opens a page, waits for its result, and keeps what went wrong on the way. */
import { chromium } from 'playwright-core'
import { chromiumArgs, ensureChromium } from '../../scripts/chromium.mjs'

/**
 * Waits for no longer than a page may take: one that hangs answers to nothing, not even to being closed.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} timeout ms
 * @returns {Promise<T>}
 */
function within(promise, timeout) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It took over ${timeout / 1000} s.`)), timeout)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/**
 * Starts a browser.
 * @param {{ webgpu?: boolean | 'software', args?: readonly string[], extension?: string }} [options] webgpu: false takes WebGPU away from
 *   pages. Where no graphics card is, it is software, and says so; pages are to take it for a card unless 'software' is
 *   asked for. args: more flags. extension: a folder with one, whose id is `extensionId` then
 */
export async function launch({ webgpu = true, args = [], extension } = {}) {
  const flags = webgpu
    ? chromiumArgs
    : [...chromiumArgs.filter((flag) => !/webgpu/.test(flag)), '--disable-features=WebGPU,WebGPUService']
  const how = { executablePath: await ensureChromium(), args: [...flags, ...args], headless: true }
  const { browser, profile, extensionId } =
    extension === undefined
      ? { browser: await chromium.launch(how) }
      : await launchWithExtension(extension, how)
  return {
    extensionId,
    /**
     * Opens a page and waits until it has set `globalThis.__result`, or `globalThis.__error`.
     * @param {string} url
     * @param {{ timeout?: number, screenshot?: string, width?: number, height?: number, dark?: boolean,
     *   before?: (page: import('playwright-core').Page) => Promise<unknown>,
     *   after?: (page: import('playwright-core').Page) => Promise<unknown> }} [options]
     *   before: runs before the page loads; after: with the result there; timeout in ms
     */
    async visit(
      url,
      { timeout = 90_000, screenshot, width = 1200, height = 900, dark = false, before, after } = {},
    ) {
      const context =
        profile ??
        (await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light' }))
      const page = await context.newPage()
      if (!webgpu)
        await page.addInitScript(() =>
          Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }),
        )
      if (webgpu === true)
        await page.addInitScript(() => {
          const { GPUAdapterInfo } = globalThis
          if (GPUAdapterInfo)
            Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false })
        })
      const problems = []
      const requests = []
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(`console: ${message.text()}`)
      })
      page.on('pageerror', (error) => problems.push(`page: ${error.message}`))
      page.on('response', (response) => {
        requests.push({ url: response.url(), status: response.status() })
        if (response.status() >= 400) problems.push(`${response.status()}: ${response.url()}`)
      })
      page.on('requestfailed', (request) => {
        // A media element drops the request for its blob when it has read enough: that is no failure.
        if (request.url().startsWith('blob:') && request.failure()?.errorText === 'net::ERR_ABORTED') return
        problems.push(`${request.failure()?.errorText}: ${request.url()}`)
      })
      try {
        await before?.(page)
        await page.goto(url)
        await page.waitForFunction(
          () => globalThis.__result !== undefined || globalThis.__error !== undefined,
          undefined,
          { timeout },
        )
        const { result, error } = await page.evaluate(() => ({
          result: globalThis.__result,
          error: globalThis.__error,
        }))
        const extra = after && (await within(after(page), timeout))
        if (screenshot) await page.screenshot({ path: screenshot })
        return { result, error, problems, requests, extra }
      } catch (cause) {
        throw new Error(
          `${url} gave no result. ${cause instanceof Error ? cause.message : cause}\n${problems.join('\n')}`,
        )
      } finally {
        await within((profile ? page : context).close(), 10_000).catch(() => {})
      }
    },
    close: () => (profile ?? browser).close(),
  }
}

/** Extensions live in a browser's own profile, where Playwright's contexts have none. */
async function launchWithExtension(path, how) {
  const profile = await chromium.launchPersistentContext('', {
    ...how,
    args: [...how.args, '--enable-unsafe-extension-debugging'],
    ignoreDefaultArgs: ['--disable-extensions'],
  })
  const browser = profile.browser()
  if (!browser) throw new Error('This Playwright has no browser behind a profile.')
  const session = await browser.newBrowserCDPSession()
  // --load-extension is gone from Chrome.
  const { id } = await session.send('Extensions.loadUnpacked', { path })
  return { browser, profile, extensionId: id }
}
