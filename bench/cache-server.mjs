/** The cache server of the benches, and what its clients are told. */
import { startCacheServer as start } from '../test/harness/cache-server.mjs'

/** Secrets of nobody. */
export const token = 'a-token-of-the-bench'
export const signatureKey = 'a-signature-key-of-the-bench-that-is-long-enough'

export const startCacheServer = (folder) => start(folder, token)

/** The environment of a machine that uses the server, as a team of its own. */
export const remoteEnvironment = (url, team, readOnly) => ({
  UNPLUGIN_ONNX_REMOTE_URL: url,
  UNPLUGIN_ONNX_REMOTE_TOKEN: token,
  UNPLUGIN_ONNX_REMOTE_SIGNATURE_KEY: signatureKey,
  UNPLUGIN_ONNX_REMOTE_TEAM_SLUG: team,
  UNPLUGIN_ONNX_REMOTE_READ_ONLY: String(readOnly),
})
