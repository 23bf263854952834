/**
 * The one way to every word that several threads may touch.
 *
 * The operations are those of `Atomics`, but not before another thread can see any memory of this one. Until then
 * nobody could tell the difference, and plain operations are many times faster: V8 11 (Node 20) compiles them in place,
 * and calls out of line for each of `Atomics` (9 ns against 1; an empty task takes twenty).
 *
 * Why that is sound: memory gets to another thread only by way of a handle in a message, and `shareMemory` is called
 * before a handle is made, and when one is opened. So all plain operations of the thread that made the memory come
 * before it sends that message, hence before whatever the receiver does; and the receiver itself never does plain
 * ones. The switch belongs to the thread, not to one table, and is never turned back.
 */

type Update = (words: Int32Array, index: number, value: number) => number;

export let load = (words: Int32Array, index: number): number => words[index]!;

export let store: Update = (words, index, value) => {
  words[index] = value;
  return value;
};

/** Returns the value before, as all that follow. */
export let add: Update = (words, index, value) => {
  const before = words[index]!;
  words[index] = before + value;
  return before;
};

export let sub: Update = (words, index, value) => {
  const before = words[index]!;
  words[index] = before - value;
  return before;
};

export let or: Update = (words, index, bits) => {
  const before = words[index]!;
  words[index] = before | bits;
  return before;
};

export let and: Update = (words, index, bits) => {
  const before = words[index]!;
  words[index] = before & bits;
  return before;
};

/** Stores `value` if the word is `expected`. */
export let compareExchange = (words: Int32Array, index: number, expected: number, value: number): number => {
  const before = words[index]!;
  if (before === expected) words[index] = value;
  return before;
};

/** The operations for words that helper threads share, whether a state is shared or not; no model replaces them. */
export const always: Pick<typeof Atomics, 'load' | 'store' | 'add'> = Atomics;

/** Sleep and wake-up, which make sense with other threads only. */
export let { wait, waitAsync, notify } = Atomics;

/** Views of the first bytes of shared memory. Of explicit length: one that follows the growth is 2-4x slower. */
export let wordsOf = (buffer: SharedArrayBuffer, bytes = buffer.byteLength): Int32Array<SharedArrayBuffer> =>
  new Int32Array(buffer, 0, bytes >> 2);
export let bytesOf = (buffer: SharedArrayBuffer, bytes = buffer.byteLength): Buffer<SharedArrayBuffer> =>
  Buffer.from(buffer, 0, bytes);

/** Bytes that the memory has by now, and more of them. */
export let sizeOf = (buffer: SharedArrayBuffer): number => buffer.byteLength;
export let grow = (buffer: SharedArrayBuffer, bytes: number): void => buffer.grow(bytes);

type Shared = Pick<typeof Atomics, 'load' | 'store' | 'add' | 'sub' | 'or' | 'and' | 'compareExchange'>;
let shared: Shared = Atomics;

/** From now on, in this thread, every operation is atomic. */
export function shareMemory(): void {
  ({ load, store, add, sub, or, and, compareExchange } = shared);
}

/** All that can be done to shared memory. */
export interface Operations extends Shared, Pick<typeof Atomics, 'wait' | 'waitAsync' | 'notify'> {
  readonly wordsOf: typeof wordsOf;
  readonly bytesOf: typeof bytesOf;
  readonly sizeOf: typeof sizeOf;
  readonly grow: typeof grow;
}

/** For a model of threads, which runs this very code with operations that it interleaves as it likes. */
export function replaceOperations(operations: Operations): void {
  shared = operations;
  shareMemory();
  ({ wait, waitAsync, notify, wordsOf, bytesOf, sizeOf, grow } = operations);
}
