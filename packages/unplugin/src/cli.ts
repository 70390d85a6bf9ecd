import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { exitCodes } from './cli/exit'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Each is loaded when it is run, or when all are listed: what the others need takes longer to load than a small model to convert. */
const commands: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['convert', async () => (await import('./cli/convert')).convertCommand()],
  ['inspect', async () => (await import('./cli/inspect')).inspectCommand()],
  ['transform', async () => (await import('./cli/transform')).transformCommand()],
  ['compare', async () => (await import('./cli/compare')).compareCommand()],
  ['diff', async () => (await import('./cli/diff')).diffCommand()],
  ['cache', async () => (await import('./cli/cache')).cacheCommand()],
])

/** All where the first argument names none: they are listed then, or the nearest is looked for among them. */
function wanted(argument: string | undefined): Iterable<() => Promise<Command>> {
  const named = commands.get(argument ?? '')
  if (named !== undefined) return [named]
  return argument === '--version' || argument === '-V' ? [] : commands.values()
}

/** Runs the command line and sets the exit code: 0 done, 1 failed, 2 wrong usage, 3 accuracy budget missed. */
export async function main(args: readonly string[]): Promise<void> {
  const program = new Command('unplugin-onnx')
    .description('Convert ONNX models for browsers and Node, and prove that they still compute the same.')
    .version(version)
    .exitOverride()
    .configureHelp({ sortSubcommands: false })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 accuracy budget missed.')
  for (const command of wanted(args[0])) program.addCommand(inheriting(await command(), program))
  // A reader that has seen enough, as `| head` is, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(exitCodes.done)
  })
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError)
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    else {
      const { report } = await import('./cli/report')
      process.exitCode = report(error, args.includes('--json'))
    }
  }
}

/** Commands of commands as well: a wrong option throws, wherever it is. */
function inheriting(command: Command, parent: Command): Command {
  command.exitOverride().copyInheritedSettings(parent)
  for (const inner of command.commands) inheriting(inner, command)
  return command
}
