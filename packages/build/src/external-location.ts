/**
 * Whether a location of external data leads out of the model's folder by its text alone, whatever system the model was made
 * for: absolute, with a drive, a UNC path, or with `..` anywhere in it.
 */
export const leadsOut = (location: string): boolean =>
  location.includes('\0') ||
  /^[/\\]/.test(location) ||
  /^[A-Za-z]:/.test(location) ||
  location.split(/[/\\]/).includes('..')
