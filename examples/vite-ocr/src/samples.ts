import poster from './poster.png'
import ticket from './ticket.png'

export interface Sample {
  readonly name: string
  readonly url: string
}

/** Pictures to begin with. The ticket is small, for devices whose GPU is emulated. */
export const samples = [
  { name: 'poster', url: poster },
  { name: 'ticket', url: ticket },
] as const satisfies readonly Sample[]

/** The sample of this name, else the first. */
export const sampleNamed = (name: string | null): Sample =>
  samples.find((sample) => sample.name === name) ?? samples[0]
