import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeModel, type Model, OnnxError, printModel, readModel } from '../src/index'
import { cpuTime, fixture, readDirty } from './models'
import { richModel } from './rich-model'

const RUNS = 100_000
const seeds = [richModel, fixture('diabetes_mlp')]

type Mutation = (bytes: Buffer) => Buffer

// Evenly over the file: fast-check's own bias would put most of them at the first byte.
const place = fc.noBias(fc.nat(0x7fffffff)).map((value) => value / 0x80000000)
const at = (bytes: Buffer, where: number) => Math.floor(where * bytes.length)

const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  // A flipped bit.
  fc.tuple(place, fc.nat(7)).map(
    ([where, bit]): Mutation =>
      (bytes) => {
        if (bytes.length > 0) bytes[at(bytes, where)]! ^= 1 << bit
        return bytes
      },
  ),
  // Any byte in place of another.
  fc.tuple(place, fc.nat(255)).map(
    ([where, byte]): Mutation =>
      (bytes) => {
        if (bytes.length > 0) bytes[at(bytes, where)] = byte
        return bytes
      },
  ),
  // The end cut off.
  place.map(
    (where): Mutation =>
      (bytes) =>
        bytes.subarray(0, at(bytes, where)),
  ),
  // A piece taken out.
  fc.tuple(place, fc.nat(64)).map(
    ([where, length]): Mutation =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at(bytes, where)), bytes.subarray(at(bytes, where) + length)]),
  ),
  // A piece of one model at another place, or in the other model.
  fc.tuple(place, place, fc.nat(256), fc.constantFrom(...seeds)).map(
    ([from, to, length, source]): Mutation =>
      (bytes) => {
        const start = Math.floor(from * source.length)
        const piece = source.subarray(start, start + length)
        return Buffer.concat([bytes.subarray(0, at(bytes, to)), piece, bytes.subarray(at(bytes, to))])
      },
  ),
  // A length, or any other number, that claims far more than there is.
  fc
    .tuple(
      place,
      fc.constantFrom(
        [0xff, 0x7f],
        [0xff, 0xff, 0xff, 0xff, 0x07],
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      ),
    )
    .map(
      ([where, number]): Mutation =>
        (bytes) =>
          Buffer.concat([
            bytes.subarray(0, at(bytes, where)),
            Buffer.from(number),
            bytes.subarray(at(bytes, where) + 1),
          ]),
    ),
)

/** What comes of it: a value, or the OnnxError that it ends in. Anything else is thrown on. */
function attempt<T>(action: () => T): T | OnnxError {
  try {
    return action()
  } catch (error) {
    if (error instanceof OnnxError) return error
    throw error
  }
}

/** Everything that looks into a model, short of running it. */
function exercise(model: Model): string | OnnxError {
  for (const tensor of model._tensors()) {
    if (tensor.byteLength < 1e6)
      attempt(() => (tensor.dataType === 'string' ? tensor.strings() : tensor.bytes()))
  }
  return attempt(() => printModel(model))
}

describe(`${RUNS} damaged models`, () => {
  // Nine in ten end in an error, and nobody reads where it was thrown.
  const { stackTraceLimit } = Error
  beforeAll(() => {
    Error.stackTraceLimit = 0
  })
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit
  })

  let survivors = 0
  let slowest = 0
  const codes = new Set<string>()

  it('end in an OnnxError or in a model that reads the same after it was written', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(mutations, { minLength: 1, maxLength: 3 }),
        (seed, steps) => {
          const bytes = steps.reduce<Buffer>((before, step) => step(before), Buffer.from(seed))
          const start = cpuTime()
          const model = attempt(() => readModel(bytes))
          if (model instanceof OnnxError) codes.add(model.code)
          else {
            survivors++
            const text = exercise(model)
            const written = encodeModel(readDirty(bytes), { external: 'keep' })
            const again = readDirty(written)
            if (Buffer.compare(written, encodeModel(again, { external: 'keep' })) !== 0) {
              throw new Error('another model after it was written')
            }
            if (typeof text === 'string' && printModel(again) !== text) throw new Error('prints otherwise')
          }
          slowest = Math.max(slowest, cpuTime() - start)
        },
      ),
      { numRuns: RUNS, seed: 20_260_801 },
    )
  }, 600_000)

  it('never take a second', () => {
    expect(slowest).toBeLessThan(1000)
  })

  it('cover both ways out, and many kinds of error', () => {
    expect(survivors).toBeGreaterThan(RUNS / 20)
    expect(codes.size).toBeGreaterThan(15)
  })
})
