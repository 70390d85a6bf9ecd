import { h } from './dom'

const key = 'unplugin-onnx-report-theme'

/** Files opened from disk may not have a storage. */
function stored(): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

/** A button between light and dark; until it is pressed, the system's setting holds. */
export function themeToggle(): HTMLElement {
  const root = document.documentElement
  const kept = stored()
  if (kept === 'dark' || kept === 'light') root.dataset.theme = kept
  const isDark = () =>
    root.dataset.theme === undefined
      ? matchMedia('(prefers-color-scheme: dark)').matches
      : root.dataset.theme === 'dark'
  const label = () => (isDark() ? 'Light' : 'Dark')
  const button = h(
    'button',
    {
      class: 'theme',
      attributes: { type: 'button', 'aria-label': 'Switch between light and dark' },
      on: {
        click: () => {
          root.dataset.theme = isDark() ? 'light' : 'dark'
          button.textContent = label()
          try {
            localStorage.setItem(key, root.dataset.theme)
          } catch {
            // It holds for as long as the page is open.
          }
        },
      },
    },
    label(),
  )
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    button.textContent = label()
  })
  return button
}
