import type { Node } from '../graph/node'

/**
 * Says whether a node is one that the user wants left as it is.
 * @param patterns node names, where `*` stands for any characters, slashes too; a node without name goes by its first output
 */
export function keepMatcher(patterns: readonly string[]): (node: Node) => boolean {
  if (patterns.length === 0) return () => false
  const expressions = patterns.map(globExpression)
  return (node) => {
    const name =
      node.name !== '' ? node.name : (node.outputs.find((value) => value !== undefined)?.name ?? '')
    return expressions.some((expression) => expression.test(name))
  }
}

/** `*` any characters, everything else itself. */
export function globExpression(pattern: string): RegExp {
  const source = pattern
    .split(/\*+/)
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*')
  return new RegExp(`^${source}$`)
}
