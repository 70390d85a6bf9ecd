import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto'
import { canonical } from '../hash'
import type { RemoteSettings } from './settings'

/** Another text where entries are put together in another way, so that those of another version are never misread. */
const format = 'unplugin-onnx entry 1'

/**
 * The HMAC-SHA256 that `x-artifact-tag` holds in base64, ready for the bytes of the archive. As Turborepo's it binds them to
 * the key and the team (crates/turborepo-cache/src/signature_authentication.rs), so that no entry passes for another; other
 * than Turborepo's it begins with what kind of archive this is and in JSON that says where it ends, so that no artifact of
 * Turborepo's that was signed with the same key passes for an entry.
 */
export function entryTag({ signatureKey, team }: RemoteSettings, key: string): Hmac {
  return createHmac('sha256', signatureKey).update(`${canonical({ format, key, team })}\n`)
}

/** Whether a tag is the one that was computed, found out in a time that doesn't tell where they differ. */
export function isTag(received: string, computed: Buffer): boolean {
  const bytes = Buffer.from(received, 'base64')
  return bytes.length === computed.length && timingSafeEqual(bytes, computed)
}
