import type { NextConfig } from 'next'
import onnx from 'unplugin-onnx/webpack'

const config: NextConfig = {
  webpack(webpack) {
    webpack.plugins.push(onnx())
    return webpack
  },
}

export default config
