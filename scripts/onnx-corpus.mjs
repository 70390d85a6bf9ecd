/**
 * The ONNX operator corpus: 1,914 small models with inputs and expected outputs, from the wheel of PyPI's onnx 1.22.0
 * (later wheels lack it), laid into .onnx-corpus/ at the root of the repo. Run once; a second run finds it there.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.mjs'

const VERSION = '1.22.0'
/** Of the wheel for CPython 3.11 on x86-64 Linux: the data in it are the same for all. */
const SHA256 = '1d0a2bdb15eb2b3cb65c438f3423d9620d14fdce32f92380e6bb1b2e09568ef5'
const DATA = 'onnx/backend/test/data/'

export const corpusFolder = join(root, '.onnx-corpus')

const works = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

function python() {
  const found = ['python3', 'python'].find((command) => works(command, ['-m', 'pip', '--version']))
  if (found !== undefined) return found
  // A bare Debian machine, as root: what a container is.
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.stdout.write('Installing python3-pip to fetch the ONNX operator corpus\n')
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'python3-pip'], {
      stdio: 'ignore',
    })
    if (works('python3', ['-m', 'pip', '--version'])) return 'python3'
  }
  throw new Error(
    `The ONNX operator corpus comes from a Python package, and there is no pip. Install Python 3 with pip, or unpack ${DATA} of the wheel of onnx ${VERSION} into .onnx-corpus/.`,
  )
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')} failed:\n${stdout}${stderr}`)
}

/**
 * Fetches the corpus if it isn't there.
 * @returns {string[]} the paths of its models, sorted
 */
export function onnxCorpus() {
  if (!existsSync(corpusFolder)) fetchCorpus()
  return readdirSync(corpusFolder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.onnx'))
    .sort()
    .map((file) => join(corpusFolder, file))
}

function fetchCorpus() {
  const command = python()
  // In a folder of the repo that git ignores, so that the rename at the end stays on one file system.
  const folder = mkdtempSync(join(root, 'node_modules', '.onnx-corpus-'))
  try {
    const requirements = join(folder, 'requirements.txt')
    writeFileSync(requirements, `onnx==${VERSION} --hash=sha256:${SHA256}\n`)
    const platform = [
      '--platform',
      'manylinux_2_28_x86_64',
      '--implementation',
      'cp',
      '--python-version',
      '3.11',
      '--abi',
      'cp311',
    ]
    run(command, [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      ...platform,
      '-r',
      requirements,
      '-d',
      folder,
    ])
    const unpack = `
import glob, os, sys, zipfile
folder, data = sys.argv[1:]
with zipfile.ZipFile(glob.glob(os.path.join(folder, '*.whl'))[0]) as wheel:
    for name in wheel.namelist():
        if name.startswith(data) and name.endswith(('.onnx', '.pb')):
            wheel.extract(name, folder)
`
    run(command, ['-c', unpack, folder, DATA])
    // In one step: a test that runs beside this one finds all of it or nothing.
    try {
      renameSync(join(folder, DATA), corpusFolder)
    } catch (error) {
      if (!existsSync(corpusFolder)) throw error
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(`${onnxCorpus().length} models in .onnx-corpus/\n`)
}
