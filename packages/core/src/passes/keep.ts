import type { Node } from '../graph/node'

/**
 * Says whether a node is one that the user wants left as it is.
 * @param patterns node names, where `*` stands for any characters, slashes too; a node without name goes by its first output
 */
export function keepMatcher(patterns: readonly string[]): (node: Node) => boolean {
  const matches = nameMatcher(patterns)
  return (node) =>
    matches(node.name !== '' ? node.name : (node.outputs.find((value) => value !== undefined)?.name ?? ''))
}

/** The same for the name of a weight. */
export function nameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const exact = new Set(patterns)
  const expressions = patterns.filter((pattern) => pattern.includes('*')).map(globExpression)
  return (name) => exact.has(name) || expressions.some((expression) => expression.test(name))
}

/** `*` any characters, everything else itself. */
export function globExpression(pattern: string): RegExp {
  const source = pattern
    .split(/\*+/)
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*')
  return new RegExp(`^${source}$`)
}
