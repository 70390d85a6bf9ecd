/** A conversion for one target that has to know what becomes of the others. */
export class NeedsOtherTargets extends Error {}
