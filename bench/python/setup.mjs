/**
 * Python tools in a virtual environment beside this file: without arguments those that bench/convert.mjs compares with.
 * Without Python, or without a package index, it says so and returns undefined.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const tools = {
  folder: join(import.meta.dirname, '.venv'),
  packages: ['onnx==1.23.2', 'onnxruntime==1.32.0', 'onnxconverter-common==1.16.0', 'onnx-ir==1.1.0'],
  modules: ['onnx', 'onnx_ir', 'onnxruntime', 'onnxconverter_common'],
}

/** @returns {string | undefined} the environment's Python */
export function setUpPython({ folder, packages, modules } = tools) {
  const python =
    process.platform === 'win32' ? join(folder, 'Scripts/python.exe') : join(folder, 'bin/python')
  const works = () =>
    existsSync(python) && spawnSync(python, ['-c', `import ${modules.join(', ')}`]).status === 0
  if (works()) return python
  const made = spawnSync('python3', ['-m', 'venv', folder], { encoding: 'utf8' })
  if (made.status !== 0) {
    console.log(`no Python tools: python3 -m venv says ${made.error?.message ?? made.stderr.trim()}`)
    return undefined
  }
  const pip = spawnSync(python, ['-m', 'pip', 'install', '--quiet', ...packages], { encoding: 'utf8' })
  if (pip.status !== 0 || !works()) {
    console.log(`no Python tools: pip install ${packages.join(' ')} says ${pip.stderr.trim().slice(-500)}`)
    return undefined
  }
  return python
}

if (process.argv[1] === import.meta.filename) console.log(setUpPython() ?? '')
