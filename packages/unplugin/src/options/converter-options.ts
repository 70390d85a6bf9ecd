import { resolve } from 'node:path'
import type { ConverterOptions, RemoteOptions } from '@unplugin-onnx/build/plugin'
import { limitsOf } from './limits'
import type { Options } from './schema'
import { bytesOf } from './sizes'

/** Environment variables that stand for options of `cache.remote` which aren't given. */
export const remoteVariables = {
  url: 'UNPLUGIN_ONNX_REMOTE_URL',
  token: 'UNPLUGIN_ONNX_REMOTE_TOKEN',
  signatureKey: 'UNPLUGIN_ONNX_REMOTE_SIGNATURE_KEY',
  readOnly: 'UNPLUGIN_ONNX_REMOTE_READ_ONLY',
  teamId: 'UNPLUGIN_ONNX_REMOTE_TEAM_ID',
  teamSlug: 'UNPLUGIN_ONNX_REMOTE_TEAM_SLUG',
} as const satisfies Partial<Record<keyof RemoteOptions, string>>

type Environment = Readonly<Record<string, string | undefined>>

/** Where a project's conversions are kept, and what they may take. */
export function converterOptions(
  root: string,
  { cache: { dir, maxSize, remote } = {}, limits }: Pick<Options, 'cache' | 'limits'>,
  environment: Environment = process.env,
): Pick<ConverterOptions, 'cacheDir' | 'cacheMaxBytes' | 'remote' | 'limits'> {
  const maxBytes = maxSize === false ? Number.POSITIVE_INFINITY : bytesOf(maxSize)
  const server = remoteOptions(remote, environment)
  return {
    ...(dir !== undefined && { cacheDir: resolve(root, dir) }),
    ...(maxBytes !== undefined && { cacheMaxBytes: maxBytes }),
    ...(server && { remote: server }),
    ...(limits && { limits: limitsOf({ limits }) }),
  }
}

/** CI systems give what isn't set as an empty text. */
function remoteOptions(
  given: Partial<RemoteOptions> = {},
  environment: Environment,
): RemoteOptions | undefined {
  const text = (name: keyof typeof remoteVariables) => {
    const value = given[name] ?? environment[remoteVariables[name]]
    return value === '' || value === undefined ? undefined : String(value)
  }
  const [url, token, signatureKey] = [text('url'), text('token'), text('signatureKey')]
  const [teamId, teamSlug, readOnly] = [text('teamId'), text('teamSlug'), text('readOnly')]
  if (url === undefined) return undefined
  const { timeout, uploadTimeout } = given
  return {
    url,
    ...(token !== undefined && { token }),
    ...(signatureKey !== undefined && { signatureKey }),
    ...(teamId !== undefined && { teamId }),
    ...(teamSlug !== undefined && { teamSlug }),
    // Whatever else is written there is no permission.
    readOnly: readOnly !== 'false' && readOnly !== '0',
    ...(timeout !== undefined && { timeout }),
    ...(uploadTimeout !== undefined && { uploadTimeout }),
  }
}
