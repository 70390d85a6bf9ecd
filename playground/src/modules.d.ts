/** The module that the plugin makes of an engine, which generated code imports: its script, and where its files are. */
declare module 'unplugin-onnx/engine/wasm' {
  const onnxruntime: {
    load(): Promise<import('@unplugin-onnx/build/browser').OnnxRuntimeModule>
    readonly files: { readonly wasm: string; readonly mjs: string }
  }
  export default onnxruntime
}
