/** Everything that can be wrong with a model, each with a stable code and what to do about it. */

/** Stable, for programs to branch on; every code is made in exactly one place. */
export type OnnxErrorCode = `ONNX_${string}`

export interface OnnxErrorOptions {
  readonly code: OnnxErrorCode
  /** What is wrong, without a full stop. */
  readonly message: string
  /** What to do about it, as a sentence. */
  readonly cure: string
  /** File or name of the model. */
  readonly model?: string | undefined
  /** Name of the node, or its operator and first output where it has none. */
  readonly node?: string | undefined
  readonly tensor?: string | undefined
  readonly cause?: unknown
}

export class OnnxError extends Error {
  readonly code: OnnxErrorCode
  readonly cure: string
  declare readonly model?: string
  declare readonly node?: string
  declare readonly tensor?: string
  /** The message without model name and cure. */
  readonly problem: string

  constructor(options: OnnxErrorOptions) {
    const { code, message, cure, model, node, tensor, cause } = options
    super(
      `${model === undefined ? '' : `${model}: `}${message}. ${cure}`,
      cause === undefined ? undefined : { cause },
    )
    this.name = 'OnnxError'
    this.code = code
    this.cure = cure
    this.problem = message
    if (model !== undefined) this.model = model
    if (node !== undefined) this.node = node
    if (tensor !== undefined) this.tensor = tensor
  }

  /** The same error about the model of this name; an error that names a model already stays as it is. */
  about(model: string): OnnxError {
    if (this.model !== undefined) return this
    const { code, problem, cure, node, tensor, cause } = this
    const named = new OnnxError({ code, message: problem, cure, model, node, tensor, cause })
    if (this.stack !== undefined) named.stack = this.stack.replace(this.message, named.message)
    return named
  }
}

const damaged = 'The file is damaged or cut off: fetch or export it again.'
const invalid = 'Check the model with onnx.checker.check_model, and export it again.'
const edit = 'This is a mistake in the code that edits the model.'

/** What JSON leaves as it is though a terminal acts on it: C1 controls, direction marks, separators. */
const UNPRINTABLE = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** A name as it may stand in a message: quoted, control characters escaped, cut after 80 characters. */
export function quote(name: string): string {
  const short = name.length > 80 ? `${name.slice(0, 79)}…` : name
  return JSON.stringify(short).replace(
    UNPRINTABLE,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const at = (offset: number) => `at byte ${offset}`

// --- protobuf ---

export const truncated = (offset: number, wanted: number, left: number) =>
  new OnnxError({
    code: 'ONNX_TRUNCATED',
    message: `A field ${at(offset)} claims ${wanted} bytes where ${left} are left`,
    cure: damaged,
  })

export const varintTooLong = (offset: number) =>
  new OnnxError({
    code: 'ONNX_VARINT_TOO_LONG',
    message: `The number ${at(offset)} is longer than 10 bytes`,
    cure: damaged,
  })

export const invalidTag = (offset: number) =>
  new OnnxError({
    code: 'ONNX_INVALID_TAG',
    message: `There is no protobuf field ${at(offset)}`,
    cure: damaged,
  })

export const wrongWireType = (offset: number, field: string, wireType: number) =>
  new OnnxError({
    code: 'ONNX_WRONG_WIRE_TYPE',
    message: `The field ${field} ${at(offset)} has wire type ${wireType}, which it can't have`,
    cure: damaged,
  })

export const nestingTooDeep = (offset: number, depth: number) =>
  new OnnxError({
    code: 'ONNX_NESTING_TOO_DEEP',
    message: `Messages are nested more than ${depth} deep ${at(offset)}`,
    cure: 'If the model really nests that deep, raise limits.depth.',
  })

export const unbalancedGroup = (offset: number) =>
  new OnnxError({
    code: 'ONNX_UNBALANCED_GROUP',
    message: `A protobuf group ${at(offset)} is opened or closed without its counterpart`,
    cure: damaged,
  })

// --- not a model at all ---

const notModel = (code: OnnxErrorCode, message: string, cure: string) =>
  new OnnxError({ code, message, cure })

export const emptyFile = () =>
  notModel('ONNX_EMPTY_FILE', 'The file is empty', 'Fetch or export the model again.')

export const lfsPointer = () =>
  notModel(
    'ONNX_LFS_POINTER',
    'The file is a Git LFS pointer and not the model',
    'Fetch the model with: git lfs pull',
  )

export const htmlPage = () =>
  notModel(
    'ONNX_HTML_PAGE',
    'The file is an HTML page and not a model',
    'The download ended on an error or login page: fetch the model from its raw file address.',
  )

export const textFile = () =>
  notModel(
    'ONNX_TEXT_FILE',
    'The file is text and not a model in protobuf',
    'ONNX models are binary protobuf files: export the model with torch.onnx.export or onnx.save.',
  )

export const notOnnx = (what: string) =>
  notModel(
    'ONNX_NOT_A_MODEL',
    `The file is ${what} and not a model in protobuf`,
    'Give the path of a model saved as .onnx.',
  )

export const missingGraph = () =>
  notModel('ONNX_MISSING_GRAPH', 'The model has no graph', `Is it an ONNX model at all? ${invalid}`)

export const missingIrVersion = () =>
  notModel('ONNX_MISSING_IR_VERSION', 'The model has no ir_version', `Is it an ONNX model at all? ${invalid}`)

export const limitExceeded = (
  limit: string,
  what: string,
  value: number | bigint,
  max: number,
  tensor?: string,
) =>
  new OnnxError({
    code: 'ONNX_LIMIT_EXCEEDED',
    message: `${what}: ${value}, and the limit is ${max}`,
    cure: `If that is meant, raise limits.${limit}.`,
    tensor,
  })

// --- graph ---

export const duplicateName = (what: string, name: string, graph: string) =>
  new OnnxError({
    code: 'ONNX_DUPLICATE_NAME',
    message: `${what} ${quote(name)} exists twice in graph ${quote(graph)}`,
    cure: invalid,
  })

export const duplicateAttribute = (name: string, node: string) =>
  new OnnxError({
    code: 'ONNX_DUPLICATE_ATTRIBUTE',
    message: `Node ${quote(node)} has the attribute ${quote(name)} twice`,
    cure: invalid,
    node,
  })

export const missingName = (what: string, graph: string) =>
  new OnnxError({
    code: 'ONNX_MISSING_NAME',
    message: `${what} of graph ${quote(graph)} has no name`,
    cure: invalid,
  })

export const missingProducer = (value: string, node: string) =>
  new OnnxError({
    code: 'ONNX_MISSING_PRODUCER',
    message: `Node ${quote(node)} reads ${quote(value)}, which nothing in its scope provides`,
    cure: invalid,
    node,
  })

export const missingOutput = (value: string, graph: string) =>
  new OnnxError({
    code: 'ONNX_MISSING_PRODUCER',
    message: `The output ${quote(value)} of graph ${quote(graph)} is provided by nothing`,
    cure: invalid,
  })

export const notSorted = (value: string, node: string) =>
  new OnnxError({
    code: 'ONNX_NOT_SORTED',
    message: `Node ${quote(node)} reads ${quote(value)} before the node that makes it`,
    cure: 'Sort the nodes topologically, e.g. by saving the model again with onnx-graphsurgeon or onnxslim.',
    node,
  })

export const cycle = (nodes: readonly string[]) =>
  new OnnxError({
    code: 'ONNX_CYCLE',
    message: `The nodes ${nodes.map(quote).join(' -> ')} wait for each other in a circle`,
    cure: invalid,
    node: nodes[0],
  })

// --- attributes, types and tensors ---

export const invalidAttribute = (name: string, node: string, problem: string) =>
  new OnnxError({
    code: 'ONNX_INVALID_ATTRIBUTE',
    message: `The attribute ${quote(name)} of node ${quote(node)} ${problem}`,
    cure: invalid,
    node,
  })

export const unsafeInteger = (what: string, value: bigint | number, cure = invalid) =>
  new OnnxError({
    code: 'ONNX_UNSAFE_INTEGER',
    message: `${what} is ${value}, more than a JavaScript number holds exactly`,
    cure,
  })

export const unknownDataType = (code: number | string, tensor?: string) =>
  new OnnxError({
    code: 'ONNX_UNKNOWN_DATA_TYPE',
    message: `The data type ${code}${tensor === undefined ? '' : ` of tensor ${quote(tensor)}`} is unknown`,
    cure: 'The model may come from a newer ONNX than 1.22: update unplugin-onnx.',
    tensor,
  })

export const invalidDims = (tensor: string, dims: string) =>
  new OnnxError({
    code: 'ONNX_INVALID_DIMS',
    message: `Tensor ${quote(tensor)} has the dimensions [${dims.length > 80 ? `${dims.slice(0, 79)}…` : dims}]`,
    cure: `Dimensions are whole numbers from 0 on. ${invalid}`,
    tensor,
  })

export const dataTooShort = (tensor: string, wanted: number, found: number) =>
  new OnnxError({
    code: 'ONNX_DATA_TOO_SHORT',
    message: `Tensor ${quote(tensor)} needs ${wanted} bytes by its type and dimensions, and holds ${found}`,
    cure: damaged,
    tensor,
  })

export const dataTooLong = (tensor: string, wanted: number, found: number) =>
  new OnnxError({
    code: 'ONNX_DATA_TOO_LONG',
    message: `Tensor ${quote(tensor)} needs ${wanted} bytes by its type and dimensions, and holds ${found}`,
    cure: damaged,
    tensor,
  })

export const invalidSparseTensor = (tensor: string, problem: string) =>
  new OnnxError({
    code: 'ONNX_INVALID_SPARSE_TENSOR',
    message: `The sparse tensor ${quote(tensor)} ${problem}`,
    cure: invalid,
    tensor,
  })

export const wrongDataType = (tensor: string, found: string, wanted: string) =>
  new OnnxError({
    code: 'ONNX_WRONG_DATA_TYPE',
    message: `Tensor ${quote(tensor)} is ${found} and was read as ${wanted}`,
    cure: 'Branch on tensor.dataType first.',
    tensor,
  })

// --- external data ---

export const externalNoReader = (location: string, tensor: string) =>
  new OnnxError({
    code: 'ONNX_EXTERNAL_DATA_NO_READER',
    message: `Tensor ${quote(tensor)} lies in the file ${quote(location)}, and no reader for external data was given`,
    cure: 'Pass `external` to readModel.',
    tensor,
  })

export const externalInvalid = (tensor: string, problem: string) =>
  new OnnxError({
    code: 'ONNX_EXTERNAL_DATA_INVALID',
    message: `The external data of tensor ${quote(tensor)} ${problem}`,
    cure: invalid,
    tensor,
  })

export const externalTooShort = (location: string, tensor: string, end: number, found: number) =>
  new OnnxError({
    code: 'ONNX_EXTERNAL_DATA_TOO_SHORT',
    message: `Tensor ${quote(tensor)} ends at byte ${end} of ${quote(location)}, which has ${found}`,
    cure: 'The data file is damaged or belongs to another model: fetch or export both again.',
    tensor,
  })

// --- writing ---

export const modelTooLarge = (bytes: number) =>
  new OnnxError({
    code: 'ONNX_MODEL_TOO_LARGE',
    message: `The model would take ${bytes} bytes, and protobuf ends at 2 GiB`,
    cure: 'Make the weights smaller (quantize them) before it is written.',
  })

export const producedWrongLength = (tensor: string, wanted: number, found: number) =>
  new OnnxError({
    code: 'ONNX_PRODUCED_WRONG_LENGTH',
    message: `The bytes produced for tensor ${quote(tensor)} are ${found} where its type and dimensions need ${wanted}`,
    cure: edit,
    tensor,
  })

export const weightNotFinite = (tensor: string) =>
  new OnnxError({
    code: 'ONNX_WEIGHT_NOT_FINITE',
    message: `The weight ${quote(tensor)} holds NaN or infinity`,
    cure: 'Apply the passes without weightsAreFinite: it is skipped then.',
    tensor,
  })

// --- editing ---

export const invalidEdit = (problem: string) =>
  new OnnxError({ code: 'ONNX_INVALID_EDIT', message: problem, cure: edit })

// --- passes ---

const didYouMean = (nearest: string | undefined, known: readonly string[]) =>
  nearest === undefined ? `There are: ${known.join(', ') || 'none'}.` : `Did you mean ${quote(nearest)}?`

export const unknownPass = (name: string, known: readonly string[], nearest: string | undefined) =>
  new OnnxError({
    code: 'ONNX_UNKNOWN_PASS',
    message: `There is no pass ${quote(name)}`,
    cure: didYouMean(nearest, known),
  })

export const unknownOption = (
  pass: string,
  key: string,
  known: readonly string[],
  nearest: string | undefined,
) =>
  new OnnxError({
    code: 'ONNX_UNKNOWN_OPTION',
    message: `The pass ${pass} has no option ${quote(key)}`,
    cure: didYouMean(nearest, known),
  })

export const invalidOption = (pass: string, key: string, value: unknown, expected: string) =>
  new OnnxError({
    code: 'ONNX_INVALID_OPTION',
    message: `The option ${key} of the pass ${pass} is ${quote(typeof value === 'string' ? value : String(value))}`,
    cure: `It must be ${expected}.`,
  })
