/** Files of one kind that a walk has met. Costs nothing as long as there are none. */
export class Tally {
  count = 0;
  files: number[] = [];

  clear(): void {
    if (this.count === 0) return;
    this.count = 0;
    this.files = [];
  }

  add(file: number): void {
    this.count++;
    this.files.push(file);
  }

  /** Of a tally that is not empty. */
  get first(): number {
    return this.files[0]!;
  }
}
