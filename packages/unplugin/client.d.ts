declare module '*.onnx' {
  import type { OnnxAsset } from 'unplugin-onnx/runtime'

  const asset: OnnxAsset
  export default asset
}

declare module '*.onnx?url' {
  const url: string
  export default url
}
