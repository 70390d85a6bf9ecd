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
      // A step takes less than a millisecond on a CPU: a GPU would only wait for its orders. Besides, onnxruntime-web 1.30
      // computes a convolution of this model wrongly on WebGPU, in the source as in any variant: input channels (129) that
      // divide by 3 and not by 4, output channels (128) that divide by 4.
      targets: ['wasm'],
      models: {
        '**/silero_vad_v5.onnx': {
          calibration: './calibration/speech.ts',
          // The default, 25 dB, moves an end of speech by one step of 32 ms here and there.
          accuracy: { sqnr: 30 },
        },
      },
    }),
  ],
  devServer: { port: 8080, hot: false },
}
