const INITIAL_CAPACITY = 4096;

const NOTHING = Buffer.alloc(0);

/**
 * Collects output up to a limit; beyond it, keeps the first and the last half.
 *
 * The head grows by doubling, the tail is a ring that is allocated when the head is full: appending n bytes costs O(n) in all,
 * in however many pieces they come, and memory never exceeds twice the limit.
 */
export class CappedOutput {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  #head = NOTHING;
  #headLength = 0;
  #tail = NOTHING;
  /** Bytes that ever went to the tail; the ring's next position is this number modulo its size. */
  #tailTotal = 0;

  /** @param limit Bytes to keep, at least 2. */
  constructor(limit: number) {
    this.#headLimit = Math.ceil(limit / 2);
    this.#tailLimit = Math.floor(limit / 2);
  }

  get truncated(): boolean {
    return this.#tailTotal > this.#tailLimit;
  }

  /** Copies `chunk`. */
  append(chunk: Buffer): void {
    const forHead = Math.min(chunk.length, this.#headLimit - this.#headLength);
    if (forHead > 0) {
      this.#reserve(this.#headLength + forHead);
      chunk.copy(this.#head, this.#headLength, 0, forHead);
      this.#headLength += forHead;
    }
    if (forHead < chunk.length) this.#appendToTail(chunk.subarray(forHead));
  }

  /** The output, with a line that tells how much was left out, if any. Call it once, at the end. */
  finish(): Buffer {
    const head = this.#head.subarray(0, this.#headLength);
    if (this.#tailTotal === 0) return head;
    if (!this.truncated) return Buffer.concat([head, this.#tail.subarray(0, this.#tailTotal)]);
    const split = this.#tailTotal % this.#tailLimit;
    const notice = `\n[${this.#tailTotal - this.#tailLimit} bytes of output left out]\n`;
    return Buffer.concat([
      head,
      Buffer.from(notice),
      this.#tail.subarray(split),
      this.#tail.subarray(0, split),
    ]);
  }

  #reserve(length: number): void {
    if (length <= this.#head.length) return;
    const doubled = Math.max(length, INITIAL_CAPACITY, this.#head.length * 2);
    const grown = Buffer.allocUnsafeSlow(Math.min(doubled, this.#headLimit));
    this.#head.copy(grown, 0, 0, this.#headLength);
    this.#head = grown;
  }

  #appendToTail(chunk: Buffer): void {
    if (this.#tail.length === 0) this.#tail = Buffer.allocUnsafeSlow(this.#tailLimit);
    const position = this.#tailTotal % this.#tailLimit;
    this.#tailTotal += chunk.length;
    // Of a chunk larger than the ring only its end survives; it is written where the whole chunk would have left it.
    const skipped = Math.max(0, chunk.length - this.#tailLimit);
    const rest = chunk.subarray(skipped);
    const from = (position + skipped) % this.#tailLimit;
    const untilEnd = rest.copy(this.#tail, from);
    rest.copy(this.#tail, 0, untilEnd);
  }
}
