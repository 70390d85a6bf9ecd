/** Digits to begin with, as SVG paths in a square of 100. */
export const samples: Readonly<Record<string, string>> = {
  '3': 'M28 22 C44 8 72 12 70 32 C68 46 54 49 44 49 C58 49 74 56 72 72 C70 92 38 94 26 78',
  '7': 'M28 16 L72 16 C62 40 52 60 44 88 M34 52 L68 52',
  '0': 'M50 12 C26 14 26 86 50 88 C74 86 74 14 50 12 Z',
  '2': 'M28 30 C32 8 70 8 70 32 C70 52 40 66 28 86 L74 86',
  '4': 'M58 12 L28 60 L76 60 M60 40 L60 90',
}
