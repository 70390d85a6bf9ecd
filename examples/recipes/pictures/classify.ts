import { Tensor } from 'unplugin-onnx/runtime'
import { likeliest } from '../likeliest'
import digits from './digits.onnx'

const session = await digits.open()
const size = 32

/** @param rgba pixels as a canvas's getImageData().data gives them, 32 x 32 */
export async function classify(rgba: Uint8ClampedArray): Promise<number | undefined> {
  // Rec. 601 luma, as torchvision's Grayscale and Pillow's 'L' have it.
  const gray = Float32Array.from({ length: size * size }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = rgba.subarray(pixel * 4, pixel * 4 + 3)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255
  })
  const { y } = await session.run({ x: new Tensor('float32', gray, [1, 1, size, size]) })
  return likeliest(y.data)[0]
}
