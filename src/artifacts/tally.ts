/** Files of one kind that a walk has met: how many, and which first. */
export class Tally {
  first = 0;
  count = 0;

  clear(): void {
    this.count = 0;
  }

  add(file: number): void {
    if (this.count++ === 0) this.first = file;
  }
}
