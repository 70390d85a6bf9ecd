import HtmlPlugin from 'html-webpack-plugin'
import onnx from 'unplugin-onnx/webpack'

/** @type {import('webpack').Configuration & { devServer: object }} */
export default {
  mode: 'production',
  entry: './src/main.ts',
  output: { filename: '[name].[contenthash:8].js', clean: true },
  resolve: { extensions: ['.ts', '.js'] },
  module: {
    rules: [
      { test: /\.ts$/, loader: 'ts-loader', options: { compilerOptions: { noEmit: false } } },
      { test: /\.css$/, type: 'css/auto' },
    ],
  },
  experiments: { css: true },
  // A model is large by nature.
  performance: { hints: false },
  plugins: [
    new HtmlPlugin({ template: './src/index.html' }),
    onnx({
      // A step takes less than a millisecond on a CPU: a GPU would only wait for its orders. (And onnxruntime-web 1.30
      // computes this model wrongly on WebGPU, the source as well as any variant.)
      targets: ['wasm'],
      models: { '**/silero_vad_v5.onnx': { calibration: './calibration/speech.ts' } },
    }),
  ],
  devServer: { port: 8080, hot: false },
}
