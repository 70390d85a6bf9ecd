// Relative, so that the types resolve wherever this file is referenced from.
declare module '*.onnx' {
  const asset: import('./dist/runtime.js').OnnxAsset
  export default asset
}

declare module '*.onnx?url' {
  const url: string
  export default url
}
