/** Disks that are small or can't be written to, by whatever means this machine allows. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const run = (...command) => spawnSync(command[0], command.slice(1), { encoding: 'utf8' }).status === 0

/** Whether file systems can be mounted here. */
export const mounts = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'unplugin-onnx-mount-'))
  const mounted = run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder)
  if (mounted) run('umount', folder)
  rmSync(folder, { recursive: true, force: true })
  return mounted
})()

/**
 * A folder with so many bytes of room, or processes that may write no larger files.
 * @returns {{ limit: (command: readonly string[]) => readonly string[], widen: () => void, end: () => void }} limit:
 *   the command under that limit
 */
export function smallDisk(folder, bytes) {
  mkdirSync(folder, { recursive: true })
  const kilobytes = Math.max(4, Math.round(bytes / 1024))
  if (!mounts) {
    // In blocks of 1 kB in bash, and 512 bytes in others.
    const limited = (command) => ['bash', '-c', `ulimit -f ${kilobytes}; exec "$@"`, 'bash', ...command]
    return { limit: limited, widen() {}, end() {} }
  }
  if (!run('mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder))
    throw new Error(`nothing can be mounted at ${folder}`)
  return {
    limit: (command) => command,
    widen: () => void run('mount', '-o', 'remount,size=256m', folder),
    end: () => void run('umount', '-l', folder),
  }
}

/**
 * A folder that nobody may write to, root included where something can be mounted over it.
 * @returns {() => void} gives it back
 */
export function readOnly(folder) {
  if (mounts && run('mount', '--bind', folder, folder)) {
    if (run('mount', '-o', 'remount,bind,ro', folder)) return () => void run('umount', '-l', folder)
    run('umount', '-l', folder)
  }
  run('chmod', '-R', 'a-w', folder)
  return () => void run('chmod', '-R', 'u+w', folder)
}
