/** The page: reads the reports that lie in it, and shows one of them. */
import type { ReportData } from '../src/report/data'
import { h } from './dom'
import { follow } from './live'
import { modelView } from './model'
import { byHash, overview } from './overview'
import { themeToggle } from './theme'

interface Page {
  readonly reports: readonly ReportData[]
  /** Where a dev server tells of more. */
  readonly live?: string
}

const data = document.getElementById('data')?.textContent ?? '{"reports":[]}'
const page = JSON.parse(data) as Page
let { reports } = page
const main = h('main')
/** The model that is shown, so that news of another one does not take away what was chosen in it. */
let shown: { readonly json: string; readonly view: HTMLElement } | undefined
const state = h('span', { class: 'state', attributes: { role: 'status' } })

function show(): void {
  const current = byHash(reports, location.hash) ?? reports[0]
  const scroll = document.documentElement.scrollTop
  if (current === undefined) {
    main.className = 'single'
    main.replaceChildren(
      h(
        'div',
        { class: 'nothing' },
        h('h1', {}, 'No model yet'),
        h(
          'p',
          {},
          page.live === undefined
            ? 'Nothing was converted in this build.'
            : 'Open the page of your app that imports a model: its conversion appears here.',
        ),
      ),
    )
    return
  }
  const several = reports.length > 1
  main.className = several ? 'several' : 'single'
  const json = JSON.stringify(current)
  if (shown?.json !== json) shown = { json, view: modelView(current) }
  main.replaceChildren(...(several ? [overview(reports, current)] : []), shown.view)
  document.documentElement.scrollTop = scroll
}

document.body.prepend(
  h(
    'header',
    { class: 'top' },
    h('span', { class: 'brand' }, h('b', {}, 'unplugin-onnx'), ' report'),
    h('span', { class: 'tools' }, state, themeToggle()),
  ),
  main,
)
addEventListener('hashchange', () => {
  show()
  scrollTo({ top: 0 })
})
show()
if (page.live !== undefined) {
  follow(
    page.live,
    (next) => {
      if (JSON.stringify(next) === JSON.stringify(reports)) return
      reports = next
      show()
    },
    (alive) => {
      state.textContent = alive ? 'live' : 'the dev server does not answer'
      state.classList.toggle('alive', alive)
    },
  )
}
