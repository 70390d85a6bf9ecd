export * from '@unplugin-onnx/runtime'
