import type { Message } from '../onnx/message'

/** Placeholder */
export function embedTraining(
  training: readonly Message<'TrainingInfoProto'>[] | undefined,
): readonly Message<'TrainingInfoProto'>[] | undefined {
  return training
}
