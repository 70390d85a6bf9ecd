/**
 * A small model with something of everything: subgraphs that capture, functions, training info, sparse and string and
 * 4-bit tensors, typed and raw and external data, sequence and map and optional types, device configurations, metadata.
 */
import { modelProto } from './oracle'

const tensorType = (elemType: number, ...dims: (number | string)[]) => ({
  tensorType: {
    elemType,
    shape: { dim: dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })) },
  },
})
const float = (name: string, ...dims: (number | string)[]) => ({ name, type: tensorType(1, ...dims) })
const props = (key: string) => [{ key, value: `value of ${key}` }]
const bytes = (text: string) => Buffer.from(text)

const branch = (name: string, weight: number) => ({
  name,
  node: [
    { opType: 'Add', input: ['h', `${name}_w`], output: [`${name}_sum`] },
    { opType: 'Relu', input: [`${name}_sum`], output: [`${name}_out`] },
  ],
  initializer: [{ name: `${name}_w`, dims: [2], dataType: 1, floatData: [weight, -weight] }],
  output: [float(`${name}_out`, 2)],
})

const content = {
  irVersion: 13,
  producerName: 'test',
  producerVersion: '1',
  domain: 'org.example',
  modelVersion: 3,
  docString: 'A model with everything',
  opsetImport: [{ version: 21 }, { domain: 'org.example', version: 1 }, { domain: 'ai.onnx.ml', version: 3 }],
  metadataProps: props('model'),
  configuration: [{ name: 'two', numDevices: 2, device: ['a', 'b'] }],
  graph: {
    name: 'main',
    docString: 'graph',
    metadataProps: props('graph'),
    input: [
      float('x', 'N', 2),
      { name: 'flag', type: tensorType(9) },
      float('bias', 2),
      { name: 'list', type: { sequenceType: { elemType: tensorType(1, 'M') } }, docString: 'a list' },
      { name: 'table', type: { mapType: { keyType: 8, valueType: tensorType(7) } } },
      { name: 'maybe', type: { optionalType: { elemType: tensorType(1) }, denotation: 'IMAGE' } },
      { name: 'secret', type: { opaqueType: { domain: 'org.example', name: 'key' } } },
      { name: 'thin', type: { sparseTensorType: { elemType: 1, shape: { dim: [{ dimValue: 8 }] } } } },
    ],
    output: [float('y', 2), float('z')],
    initializer: [
      { name: 'bias', dims: [2], dataType: 1, rawData: Buffer.from(new Float32Array([0.5, -1]).buffer) },
      {
        name: 'w',
        dims: [2, 2],
        dataType: 1,
        floatData: [1, 2, 3, 4],
        docString: 'weights',
        metadataProps: props('w'),
      },
      { name: 'shape', dims: [2], dataType: 7, int64Data: [-1, 300] },
      { name: 'half', dims: [3], dataType: 10, int32Data: [0x3c00, 0xc000, 0x7c00] },
      { name: 'nibbles', dims: [3], dataType: 22, int32Data: [0x7f, 0x08] },
      { name: 'words', dims: [2], dataType: 8, stringData: [bytes('a'), bytes('é\n')] },
      {
        name: 'far',
        dims: [4],
        dataType: 1,
        dataLocation: 1,
        externalData: [
          { key: 'location', value: 'far.bin' },
          { key: 'offset', value: '4' },
          { key: 'length', value: '16' },
        ],
      },
      { name: 'unsigned', dims: [2], dataType: 12, uint64Data: [1, 4294967295] },
      { name: 'double', dims: [1], dataType: 11, doubleData: [0.1] },
    ],
    sparseInitializer: [
      {
        dims: [8],
        values: { name: 'mostly_zero', dims: [2], dataType: 1, floatData: [1, 2] },
        indices: { dims: [2], dataType: 7, int64Data: [1, 6] },
      },
    ],
    valueInfo: [float('h', 2), float('nobody', 'N')],
    quantizationAnnotation: [
      { tensorName: 'h', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 'w' }] },
    ],
    node: [
      {
        name: 'mul',
        opType: 'MatMul',
        input: ['x', 'w'],
        output: ['h'],
        docString: 'node',
        metadataProps: props('node'),
        deviceConfigurations: [
          {
            configurationId: 'two',
            pipelineStage: 1,
            shardingSpec: [
              {
                tensorName: 'w',
                device: [0, 1],
                indexToDeviceGroupMap: [{ key: 0, value: [0, 1] }],
                shardedDim: [{ axis: 0, simpleSharding: [{ dimParam: 'N', numShards: 2 }] }],
              },
            ],
          },
        ],
      },
      {
        name: 'choice',
        opType: 'If',
        input: ['flag'],
        output: ['chosen'],
        attribute: [
          { name: 'then_branch', type: 5, g: branch('then', 1) },
          { name: 'else_branch', type: 5, g: branch('else', 2) },
        ],
      },
      {
        opType: 'Custom',
        domain: 'org.example',
        overload: 'fast',
        input: ['chosen', '', 'mostly_zero'],
        output: ['y', '', 'extra'],
        attribute: [
          { name: 'f', type: 1, f: 0.1, docString: 'attribute' },
          { name: 'i', type: 2, i: '9007199254740993' },
          { name: 's', type: 3, s: bytes('text "quoted" \\') },
          { name: 't', type: 4, t: { dims: [1], dataType: 1, floatData: [7] } },
          { name: 'fs', type: 6, floats: [1, 0.5] },
          { name: 'is', type: 7, ints: [1, -2, 3] },
          { name: 'ss', type: 8, strings: [bytes('a'), bytes('b')] },
          { name: 'ts', type: 9, tensors: [{ name: 'inner', dims: [], dataType: 6, int32Data: [-1] }] },
          { name: 'gs', type: 10, graphs: [branch('extra_graph', 3)] },
          {
            name: 'st',
            type: 11,
            sparseTensor: {
              dims: [4],
              values: { dims: [1], dataType: 1, floatData: [1] },
              indices: { dims: [1], dataType: 7, int64Data: [2] },
            },
          },
          { name: 'tp', type: 13, tp: tensorType(1, 'N') },
          { name: 'tps', type: 14, typeProtos: [tensorType(7)] },
        ],
      },
      {
        opType: 'Scale',
        domain: 'org.example',
        input: ['extra'],
        output: ['z'],
        attribute: [{ name: 'factor', type: 1, f: 2 }],
      },
    ],
  },
  functions: [
    {
      name: 'Scale',
      domain: 'org.example',
      input: ['in'],
      output: ['out'],
      attribute: ['factor'],
      attributeProto: [{ name: 'offset', type: 1, f: 1 }],
      opsetImport: [{ version: 21 }],
      docString: 'function',
      valueInfo: [float('c')],
      metadataProps: props('function'),
      node: [
        {
          opType: 'Constant',
          output: ['c'],
          attribute: [{ name: 'value_float', type: 1, refAttrName: 'factor' }],
        },
        { opType: 'Mul', input: ['in', 'c'], output: ['out'] },
      ],
    },
  ],
  trainingInfo: [
    {
      initialization: {
        name: 'init',
        initializer: [
          {
            name: 'seed',
            dims: [1],
            dataType: 1,
            dataLocation: 1,
            externalData: [{ key: 'location', value: 'train.bin' }],
          },
        ],
      },
      algorithm: { name: 'step', node: [{ opType: 'Sub', input: ['w', 'h'], output: ['w_next'] }] },
      updateBinding: [{ key: 'w', value: 'w_next' }],
    },
  ],
}

export const richModel: Uint8Array = modelProto.encode(modelProto.fromObject(content)).finish()
