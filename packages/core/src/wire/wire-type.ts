/** Protobuf's wire types (protobuf.dev/programming-guides/encoding). */
export const VARINT = 0
export const FIXED64 = 1
export const LENGTH_DELIMITED = 2
export const GROUP_START = 3
export const GROUP_END = 4
export const FIXED32 = 5

/** An exact 64-bit integer: a number where a number is safe, else a bigint; never both for one value. */
export type Int64 = number | bigint
