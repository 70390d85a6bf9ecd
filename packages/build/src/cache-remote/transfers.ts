/** What went over the wire. */
export interface Transfers {
  /** Entries that came from the server and were used. */
  readonly fetched: number
  readonly fetchedBytes: number
  readonly uploaded: number
  readonly uploadedBytes: number
  /** Entries that the server had and that didn't hold. */
  readonly rejected: number
  /** Calls that came to nothing. */
  readonly failed: number
}

export const noTransfers: Transfers = {
  fetched: 0,
  fetchedBytes: 0,
  uploaded: 0,
  uploadedBytes: 0,
  rejected: 0,
  failed: 0,
}
