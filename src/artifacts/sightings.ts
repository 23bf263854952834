/**
 * Tells of files, by row, since which moment they have been seen as they are. Moments are counted, not read from a
 * clock: that of the file system may be another one than this machine's, and either may be wrong.
 */
export class Sightings {
  /** Row → the moment of the first look since which every look has found the same; 0 = none. */
  private since = new Int32Array(1024);
  private moment = 1;

  /** A new moment: what is looked at from now on is not seen before it. */
  next(): number {
    return ++this.moment;
  }

  /** A look has found what the one before it found; that one may have been another process's. */
  same(row: number): void {
    if ((this.since[row] ?? 0) === 0) this.changed(row);
  }

  /** A look has found something else. */
  changed(row: number): void {
    if (row >= this.since.length) {
      const grown = new Int32Array(Math.max(row + 1, this.since.length * 2));
      grown.set(this.since);
      this.since = grown;
    }
    this.since[row] = this.moment;
  }

  /** True if it was looked at before a moment, and every look since has found the same. */
  isSteadySince(row: number, moment: number): boolean {
    const since = this.since[row] ?? 0;
    return since > 0 && since < moment;
  }
}
