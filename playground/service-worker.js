/* global version, files */
/**
 * Keeps the whole page for days without a network. `version` and `files`, written in front of this by the build, are of
 * that build: another one has a service worker of its own, whose cache takes the place of this one's.
 */
const prefix = 'unplugin-onnx-playground-'
const name = `${prefix}${version}`

addEventListener('install', (event) => {
  const keep = async () => {
    const cache = await caches.open(name)
    // From the browser's cache where it is still there: the page has just loaded most of it.
    await cache.addAll(['./', ...files.filter((file) => file !== 'index.html')])
    await skipWaiting()
  }
  event.waitUntil(keep())
})

addEventListener('activate', (event) => {
  const takeOver = async () => {
    for (const other of await caches.keys())
      if (other.startsWith(prefix) && other !== name) await caches.delete(other)
    await clients.claim()
  }
  event.waitUntil(takeOver())
})

addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || !request.url.startsWith(registration.scope)) return
  const wanted = request.mode === 'navigate' ? registration.scope : request
  event.respondWith(caches.open(name).then(async (cache) => (await cache.match(wanted)) ?? fetch(request)))
})
