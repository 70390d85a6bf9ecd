/**
 * Sets up onnxruntime in other languages, each with its own package manager as it is configured on this machine; what is
 * built lies in .build beside this file. Each gives the command that runs jobs, or throws what is missing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setUpPython } from '../python/setup.mjs'

const here = import.meta.dirname
const build = join(here, '.build')
const windows = process.platform === 'win32'

function call(command, args, cure, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (error) throw new Error(`${command} doesn't start (${error.code}). ${cure}`)
  if (status !== 0) throw new Error(`${command} ${args[0]} failed: ${(stderr || stdout).trim().slice(-600)}`)
}

function python(version) {
  const packages = [`onnxruntime==${version}`]
  // Built against numpy 1; newer ones say so on import and fail.
  if (/^1\.1[0-8]\./.test(version)) packages.push('numpy<2')
  const found = setUpPython({ folder: join(build, `python-${version}`), packages, modules: ['onnxruntime'] })
  if (found === undefined) throw new Error('On Debian and Ubuntu: apt-get install python3-venv')
  return found
}

function java(version) {
  const cure = 'On Debian and Ubuntu: apt-get install default-jdk-headless maven'
  call('javac', ['-version'], cure)
  const folder = join(build, `java-${version}`)
  const jar = join(folder, `onnxruntime-${version}.jar`)
  if (!existsSync(jar)) {
    const properties = [`-Donnxruntime.version=${version}`, `-DoutputDirectory=${folder}`]
    const goal = ['dependency:copy-dependencies', '--batch-mode', '--quiet', '-f', join(here, 'java/pom.xml')]
    call(windows ? 'mvn.cmd' : 'mvn', [...goal, ...properties], cure, { shell: windows })
  }
  return jar
}

/** The crate opens onnxruntime's library at run time; the one in Python's package is as good as any. */
function rust(version) {
  const library = sharedLibrary(python(version))
  const manifest = join(here, 'rust/Cargo.toml')
  const target = join(build, 'rust')
  const cure =
    'Rust 1.92 or newer is needed. On Debian 13 and Ubuntu 24.04: apt-get install rustup && rustup default stable'
  call('cargo', ['build', '--release', '--quiet', '--manifest-path', manifest, '--target-dir', target], cure)
  return [join(target, 'release', windows ? 'bench-platforms.exe' : 'bench-platforms'), library]
}

function sharedLibrary(executable) {
  const script = 'import onnxruntime; print(onnxruntime.__file__)'
  const found = spawnSync(executable, ['-c', script], { encoding: 'utf8' }).stdout.trim()
  const folder = join(dirname(found), 'capi')
  const name = readdirSync(folder).find((file) => /^(lib)?onnxruntime\.(so|dll|[\d.]*dylib)/.test(file))
  if (name === undefined)
    throw new Error("This version's Python package has no library of its own: take a newer one.")
  return join(folder, name)
}

/** By language, what gives the command that takes a file of jobs as its last argument, for a version of onnxruntime. */
export const languages = {
  python: (version) => [python(version), join(here, 'python/run.py')],
  java: (version) => ['java', '-cp', java(version), join(here, 'java/Run.java')],
  rust,
}
