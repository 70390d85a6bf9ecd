/**
 * Has the service worker keep all that the page loaded, but for the models, which the runtime keeps.
 * @returns whether the page can be loaded again without a network
 */
export async function keepForOffline(): Promise<boolean> {
  // A dev server has nothing to keep, and its port belongs to another app tomorrow.
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return false
  const { scope } = await navigator.serviceWorker.register('./service-worker.js')
  const { active } = await navigator.serviceWorker.ready
  const loaded = performance
    .getEntriesByType('resource')
    .map(({ name }) => name)
    .filter((url) => url.startsWith(scope) && !url.endsWith('.onnxv'))
  const { port1, port2 } = new MessageChannel()
  const answer = new Promise<MessageEvent>((resolve) => {
    port1.onmessage = resolve
  })
  active?.postMessage([scope, ...new Set(loaded)], [port2])
  return (await answer).data === 'kept'
}
