import { classify } from './classify'
import { picture } from './picture'

const output = document.querySelector('output')
const list = document.querySelector('ol')
const alert = document.querySelector('[role="alert"]')

classify(picture).then(
  (found) => {
    const scores = [...found]
    list?.replaceChildren(
      ...scores.map((score) =>
        Object.assign(document.createElement('li'), { textContent: score.toFixed(4) }),
      ),
    )
    if (output) output.value = String(scores.indexOf(Math.max(...scores)))
  },
  (error) => {
    if (alert) alert.textContent = String(error)
  },
)
