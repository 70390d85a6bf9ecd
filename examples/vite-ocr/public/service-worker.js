/**
 * Keeps the page, its script and onnxruntime's files for days without a network. The models are not among them: the
 * runtime keeps those itself, by their hash.
 */
const name = 'read-a-picture'

addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) => event.waitUntil(clients.claim()))

/** The page says what it loaded. Its names hold hashes: what another version had goes, and what is there is right. */
addEventListener('message', (event) => {
  const keep = async () => {
    const cache = await caches.open(name)
    const urls = new Set(event.data)
    for (const request of await cache.keys()) {
      if (!urls.has(request.url)) await cache.delete(request)
      else if (request.url !== registration.scope) urls.delete(request.url)
    }
    // From the browser's cache, where the server lets it keep them.
    await cache.addAll([...urls])
    event.ports[0].postMessage('kept')
  }
  event.waitUntil(keep().catch((error) => event.ports[0].postMessage(String(error))))
})

addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || request.url.endsWith('.onnxv')) return
  const kept = () => caches.match(request, { cacheName: name, ignoreSearch: request.mode === 'navigate' })
  event.respondWith(
    request.mode === 'navigate'
      ? fetch(request).catch(async (error) => (await kept()) ?? Promise.reject(error))
      : kept().then((found) => found ?? fetch(request)),
  )
})
