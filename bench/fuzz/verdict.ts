/** What every execution is held to. */
export const bounds = {
  /** Seconds of processor time that one input may take. */
  seconds: 1,
  /** Bytes that one input may have allocated, of at most a few kB that it has. */
  bytes: 256 * 2 ** 20,
}

/** An error that a user is meant to see: it has a code, and says what to do. */
const isOnnxError = (error: unknown): boolean =>
  error instanceof Error && error.name === 'OnnxError' && 'code' in error && 'cure' in error

/** Readers of calibration data say in plain words what is wrong, and whoever calls them adds code and cure. */
export const isPlainError = (error: unknown): boolean =>
  error instanceof Error && Object.getPrototypeOf(error) === Error.prototype && error.message !== ''

/** Something that must not be, whatever the input. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Broken(message)
}

/** The result; undefined where it throws as it may. */
export function attempt<T>(action: () => T, alsoExpected = (_: unknown) => false): T | undefined {
  try {
    return action()
  } catch (error) {
    if (isOnnxError(error) || alsoExpected(error)) return undefined
    throw error
  }
}

export async function attemptAsync<T>(
  action: () => Promise<T>,
  alsoExpected = (_: unknown) => false,
): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (isOnnxError(error) || alsoExpected(error)) return undefined
    throw error
  }
}
