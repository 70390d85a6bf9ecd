import * as errors from '../errors'
import type { Graph } from './graph'
import type { Node } from './node'

/** A place in a graph's order of nodes. */
export type Position = { readonly before: Node } | { readonly after: Node }

/** The nodes of a graph as a doubly linked list: edits anywhere take constant time. */
export class NodeList {
  #first: Node | undefined
  #last: Node | undefined
  #snapshot: readonly Node[] | undefined

  /** The nodes as a list that later edits don't change. */
  snapshot(): readonly Node[] {
    if (this.#snapshot === undefined) {
      const nodes: Node[] = []
      for (let node = this.#first; node !== undefined; node = node._next) nodes.push(node)
      this.#snapshot = nodes
    }
    return this.#snapshot
  }

  assertPosition(graph: Graph, position?: Position): void {
    const anchor = position && ('before' in position ? position.before : position.after)
    if (anchor !== undefined && (anchor.graph !== graph || !anchor._attached)) {
      throw errors.invalidEdit(`Node ${errors.quote(anchor.label)} is not in this graph`)
    }
  }

  insert(node: Node, position?: Position): void {
    const next =
      position === undefined ? undefined : 'before' in position ? position.before : position.after._next
    const previous = next === undefined ? this.#last : next._previous
    node._previous = previous
    node._next = next
    if (previous === undefined) this.#first = node
    else previous._next = node
    if (next === undefined) this.#last = node
    else next._previous = node
    this.#snapshot = undefined
  }

  remove(node: Node): void {
    if (node._previous === undefined) this.#first = node._next
    else node._previous._next = node._next
    if (node._next === undefined) this.#last = node._previous
    else node._next._previous = node._previous
    this.#snapshot = undefined
  }
}
