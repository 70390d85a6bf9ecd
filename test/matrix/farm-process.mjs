/**
 * Farm in a process of its own: it exits on errors, and its watchers can't be closed.
 * Reads its task as JSON from the command line, and says on stdout what it has done.
 */
import { build, watch } from '@farmfe/core'
import onnx from 'unplugin-onnx/farm'

const { action, options, port, ...config } = JSON.parse(process.argv[2])
const say = (event) => console.log(JSON.stringify({ event }))
const logger = { ...console, info() {}, warn: console.error, debug() {}, trace() {} }
logger.error = (message, { exit = false, error } = {}) => {
  console.error(message, error ?? '')
  if (exit) process.exit(1)
}
const all = {
  ...config,
  configFile: false,
  clearScreen: false,
  logger,
  plugins: [
    onnx(options),
    // The last hook before files are written, which Farm does at once.
    { name: 'say', updateFinished: { executor: () => void setTimeout(say, 500, 'built') } },
  ],
}

if (action === 'build') await build(all)
if (action === 'watch') await watch({ ...all, server: { port, hmr: false } })
say('built')
if (action === 'build') process.exit(0)
