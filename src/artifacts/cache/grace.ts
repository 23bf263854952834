/** A blob younger than this may be one of an entry that is about to be written: it is not collected. Milliseconds. */
export const GRACE_MS = 3_600_000;
