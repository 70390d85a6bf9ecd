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

export const milliseconds = (value: number): string =>
  value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`

export const percent = (share: number): string => `${Math.round(share * 100)} %`
