/** What the command line's exit codes mean. */
export const exitCodes = { done: 0, failed: 1, usage: 2, budgetMissed: 3 } as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
