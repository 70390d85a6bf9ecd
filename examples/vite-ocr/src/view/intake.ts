import { byId } from './dom'

/** Hears of pictures that are chosen, dropped anywhere on the page, or pasted. */
export function onPicture(take: (picture: Blob) => void): void {
  const input = byId('file', HTMLInputElement)
  const first = (files: FileList | null | undefined) => {
    const picture = [...(files ?? [])].find(({ type }) => type.startsWith('image/'))
    if (picture) take(picture)
  }
  input.addEventListener('change', () => {
    first(input.files)
    input.value = ''
  })
  document.addEventListener('paste', (event) => first(event.clipboardData?.files))
  document.addEventListener('dragover', (event) => {
    event.preventDefault()
    document.body.classList.add('dropping')
  })
  document.addEventListener('dragleave', () => document.body.classList.remove('dropping'))
  document.addEventListener('drop', (event) => {
    event.preventDefault()
    document.body.classList.remove('dropping')
    first(event.dataTransfer?.files)
  })
}
