/** What reads calibration data that users have, for modules of theirs. */
export { readNpz } from './calibration/read-npz'
