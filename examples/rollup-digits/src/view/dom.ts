/** The element with this id. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id) ?? undefined
  if (!(found instanceof type)) throw new Error(`#${id} is no ${type.name}`)
  return found
}

/** A new element with attributes and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

export function say(text: string, state: 'working' | 'done' | 'failed' = 'working'): void {
  const status = byId('status', HTMLParagraphElement)
  status.textContent = text
  status.dataset.state = state
}
