import { type PlotOptions, plot } from '@observablehq/plot'

/** Of the style sheet, since a policy without inline styles would refuse the style element that Plot brings. */
const className = 'plot'

/** Observable Plot with what all charts share. */
export function chart(label: string, options: PlotOptions): SVGSVGElement {
  const drawn = plot({
    ...options,
    className,
    ariaLabel: label,
    style: { fontSize: '12px', background: 'transparent', overflow: 'visible' },
  })
  for (const style of drawn.querySelectorAll('style')) style.remove()
  drawn.setAttribute('role', 'group')
  return drawn as unknown as SVGSVGElement
}

/** The shapes of a mark with the data they stand for, in the order they were given. */
export function shapes<T>(
  drawn: SVGSVGElement,
  markClass: string,
  data: readonly T[],
): { readonly shape: SVGElement; readonly datum: T }[] {
  const found = [...drawn.querySelectorAll<SVGElement>(`.${markClass} > *`)]
  return found.flatMap((shape) => {
    // Plot binds each shape to the index of its datum.
    const index = (shape as SVGElement & { __data__?: unknown }).__data__
    const datum = typeof index === 'number' ? data[index] : undefined
    return datum === undefined ? [] : [{ shape, datum }]
  })
}

/** Round numbers of decibels: below, above there is only a line for what is identical. */
export function ticks(from: number, to: number): number[] {
  const step = to - from > 90 ? 20 : to - from > 45 ? 10 : 5
  const first = Math.ceil(from / step)
  return Array.from(
    { length: Math.max(0, Math.floor(to / step) - first + 1) },
    (_, index) => (first + index) * step,
  )
}
