import { expect, it } from 'vitest'
import { createListener, listenTo, type Step } from '../src/vad/detector'

/** A stand-in for the model that keeps what it was fed; its state counts the steps. */
function recorder() {
  const steps: Step[] = []
  return {
    steps,
    run: async (step: Step) => {
      steps.push(step)
      return { probability: steps.length / 10, state: step.state.data.map((value) => value + 1) }
    },
  }
}

const ramp = (length: number) => Float32Array.from({ length }, (_, index) => index)

it('feeds each frame after the last 64 samples of the one before', async () => {
  const { steps, run } = recorder()
  await listenTo(ramp(1024), run)
  expect(steps.map(({ input }) => input.dims)).toEqual([
    [1, 576],
    [1, 576],
  ])
  expect([...steps[0]!.input.data.subarray(0, 66)]).toEqual([...new Array(64).fill(0), 0, 1])
  expect([...steps[1]!.input.data.subarray(0, 66)]).toEqual([...ramp(1024).subarray(448, 514)])
})

it('hands the state on from step to step', async () => {
  const { steps, run } = recorder()
  await listenTo(ramp(1536), run)
  expect(steps.map(({ state }) => state.data[0])).toEqual([0, 1, 2])
  expect(steps.map(({ state }) => state.dims)).toEqual(new Array(3).fill([2, 1, 128]))
})

it('fills up the last frame with silence, and tells of each as it comes', async () => {
  const { steps, run } = recorder()
  const heard: number[] = []
  const probabilities = await listenTo(ramp(600), run, (probability) => void heard.push(probability))
  expect([...probabilities]).toEqual([expect.closeTo(0.1), expect.closeTo(0.2)])
  expect(heard).toEqual([0.1, 0.2])
  expect([...steps[1]!.input.data.subarray(64 + 86, 64 + 90)]).toEqual([598, 599, 0, 0])
})

it('keeps listeners apart', async () => {
  const { steps, run } = recorder()
  await createListener(run).hear(ramp(512))
  await createListener(run).hear(ramp(512))
  expect(steps[1]!.state.data[0]).toBe(0)
})
