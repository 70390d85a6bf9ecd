import { accuracyOn } from '../accuracy'

export default accuracyOn(new URL('./labelled.npz', import.meta.url))
