import type { OnnxError } from '../errors'
import * as errors from '../errors'
import type { Message } from '../onnx/message'
import type { Graph } from './graph'
import { labelOf } from './read'

type NodeMessage = Message<'NodeProto'>

/**
 * Why an input of a node has no producer before it: nothing makes it at all, a node further down does, or nodes wait
 * for each other. As onnx.checker, which takes none of them.
 */
export function orderProblem(
  name: string,
  node: string,
  graph: Graph,
  messages: readonly NodeMessage[],
): OnnxError {
  const makers = new Map<string, number>()
  messages.forEach((message, index) => {
    for (const output of message.output ?? []) makers.set(output, index)
  })
  for (let around: Graph | undefined = graph; around !== undefined; around = around.parent) {
    // A graph around this one may make the name after the node that this graph lies in.
    const later = around._message.node?.some(({ output }) => output?.includes(name)) ?? false
    if (around !== graph && later) return errors.notSorted(name, node)
  }
  if (!makers.has(name)) return errors.missingProducer(name, node)
  const circle = findCycle(messages, makers)
  return circle === undefined ? errors.notSorted(name, node) : errors.cycle(circle)
}

/** The labels of nodes in a circle, by removing what can run until nothing more can (Kahn). */
function findCycle(
  messages: readonly NodeMessage[],
  makers: ReadonlyMap<string, number>,
): string[] | undefined {
  const waitsFor = messages.map(({ input }) =>
    [...new Set(input ?? [])].map((name) => makers.get(name)).filter((i) => i !== undefined),
  )
  const readers: number[][] = messages.map(() => [])
  const open = waitsFor.map((list) => list.length)
  waitsFor.forEach((list, index) => {
    for (const maker of list) readers[maker]?.push(index)
  })
  const ready = open.flatMap((count, index) => (count === 0 ? [index] : []))
  const done = new Set<number>()
  for (let index = ready.pop(); index !== undefined; index = ready.pop()) {
    done.add(index)
    for (const reader of readers[index] ?? []) {
      const left = (open[reader] ?? 0) - 1
      open[reader] = left
      if (left === 0) ready.push(reader)
    }
  }
  if (done.size === messages.length) return undefined
  // Every node that is left waits for one that is left: following that leads into a circle.
  const path: number[] = []
  const seen = new Map<number, number>()
  let at = messages.findIndex((_, index) => !done.has(index))
  while (!seen.has(at)) {
    seen.set(at, path.length)
    path.push(at)
    at = waitsFor[at]?.find((maker) => !done.has(maker)) ?? at
  }
  const circle = path.slice(seen.get(at)).reverse()
  return circle.slice(0, 8).map((index) => labelOf(messages[index] ?? {}))
}
