import { ownScript } from './trusted'

/**
 * Has the service worker keep the whole page.
 * @returns whether it can be loaded again without a network
 */
export async function keepForOffline(): Promise<boolean> {
  // A dev server has nothing to keep, and its port belongs to another app tomorrow.
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return false
  try {
    await navigator.serviceWorker.register(ownScript('./service-worker.js'))
    await navigator.serviceWorker.ready
    return true
  } catch {
    return false
  }
}
