/** A three, 8 x 8, in 17 grays from 0 (paper) to g (ink), as the model was trained on. */
const rows = ['001afa00', '01db8c00', '0290d600', '0000g100', '0000ea10', '000019a0', '00d702g0', '002bfgc0']

export const picture: Float32Array = Float32Array.from(
  rows.join(''),
  (gray) => Number.parseInt(gray, 17) / 16,
)
