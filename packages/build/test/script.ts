import { spawn } from 'node:child_process'

/** Runs a module in a process of its own and gives the JSON that it prints. */
export function runScript(script: string): Promise<unknown> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // pnpm's own commands add every installed package to the path of modules.
    env: { ...process.env, NODE_PATH: '' },
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('exit', (code) =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`exit code ${code}`)),
    )
  })
}
