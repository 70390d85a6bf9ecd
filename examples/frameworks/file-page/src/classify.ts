import digits from './digits.onnx'

let opening: ReturnType<typeof digits.open> | undefined

/**
 * Downloads and opens the model when it is first needed; everyone shares the session.
 * @param picture 8 x 8 grays from 0 to 1
 * @returns a score for each digit
 */
export async function classify(picture: Float32Array): Promise<Float32Array> {
  opening ??= digits.open().catch((error: unknown) => {
    // Whoever calls again tries again.
    opening = undefined
    throw error
  })
  const { y } = await (await opening).run({ x: picture })
  return y.data
}
