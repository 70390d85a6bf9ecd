import { printable } from '@report/../src/printable'
import { OnnxError } from '@unplugin-onnx/core/catalog'

/** What can go wrong in a page alone; of models and inputs the packages say it. */
export const errors = {
  tooLarge: (model: string, bytes: number, largest: number) =>
    new OnnxError({
      code: 'ONNX_TOO_LARGE_FOR_PAGE',
      model: printable(model),
      message: `It has ${Math.ceil(bytes / 1e6)} MB, and a page holds models of ${Math.floor(largest / 1e6)} MB in memory`,
      cure: 'Convert it on the command line, which reads large models piece by piece: unplugin-onnx convert.',
    }),

  fileUnreadable: (file: string, cause: unknown) =>
    new OnnxError({
      code: 'ONNX_FILE_UNREADABLE',
      model: printable(file),
      message: `The browser can't read the file (${printable(reasonOf(cause))})`,
      cure: 'Choose it again: it may have changed, or be gone, since it was chosen.',
      cause,
    }),

  failed: (model: string, cause: unknown) =>
    new OnnxError({
      code: 'ONNX_PAGE_FAILED',
      ...(model !== '' && { model: printable(model) }),
      message: `The page could not go on: ${printable(reasonOf(cause))}`,
      cure: 'Memory may have run out: close other pages, or convert it on the command line. If that is not it, please report this with the model.',
      cause,
    }),
} as const

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
