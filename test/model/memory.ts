import type { Operations } from '../../src/memory/atomic.js';
import { type Hash, toggle } from './hash.js';

/** One step of a thread on shared memory. */
export interface Step {
  /** What it is called in a trace. */
  readonly name: string;
  /** The first and the last word that it touches; see `placeOf`. */
  readonly from: number;
  readonly to: number;
  readonly writes: boolean;
}

/** Who decides about every step: whether it is done now, or was done before and gives what it gave then. */
export interface Steps {
  take<T>(step: Step, perform: () => T): T;
  /** Blocks the thread at hand until another one notifies the place; if it may time out, until nothing else can happen. */
  sleep(step: Step, isEqual: () => boolean, timesOut: boolean): 'ok' | 'not-equal' | 'timed-out';
  wake(step: Step, count: number): number;
}

/** Words of a buffer that a place may name. */
const BUFFER_WORDS = 2 ** 30;
/** The size of a buffer counts as a word of it. */
const SIZE = BUFFER_WORDS - 1;

interface View {
  readonly target: Int32Array | Buffer;
  /** All of the buffer. */
  readonly words: Int32Array;
  readonly buffer: number;
  readonly wordBytes: number;
}

type Method = (...args: unknown[]) => unknown;
/** Which elements a method writes. */
const WRITING: Readonly<
  Record<string, (args: readonly unknown[], length: number) => [from: number, to: number]>
> = {
  fill: ([, from = 0, to], length) => [from as number, (to as number | undefined) ?? length],
  set: ([values, from = 0]) => [from as number, (from as number) + (values as ArrayLike<number>).length],
  copyWithin: ([from, source, end], length) => [
    from as number,
    (from as number) + ((end as number | undefined) ?? length) - (source as number),
  ],
  write: ([text, from = 0]) => [from as number, (from as number) + Buffer.byteLength(text as string)],
};
const READING = new Set([
  'slice',
  'includes',
  'toString',
  'readUInt16LE',
  'utf8Slice',
  'latin1Slice',
  'indexOf',
]);

/**
 * Shared memory whose every access is a step: views of it are proxies, so that plain loads and stores are seen as well as atomic
 * ones. What was written can be undone.
 */
export class WatchedMemory {
  private readonly steps: Steps;
  private readonly buffers: SharedArrayBuffer[] = [];
  private readonly views = new WeakMap<object, View>();
  private readonly undo: (() => void)[] = [];
  /** Of what differs from what was kept: the same whenever memory is the same. */
  readonly hash: Hash = { one: 0, two: 0 };

  constructor(steps: Steps) {
    this.steps = steps;
  }

  /** Before memory is made: buffers are numbered in the order in which they are opened. */
  reset(): void {
    this.buffers.length = 0;
  }

  /** What is there now is what `restore` brings back. */
  keep(): void {
    this.undo.length = 0;
    this.hash.one = 0;
    this.hash.two = 0;
  }

  /** Takes back all that was written since `keep`. Growth stays. */
  restore(): void {
    for (let undo = this.undo.pop(); undo !== undefined; undo = this.undo.pop()) undo();
    this.hash.one = 0;
    this.hash.two = 0;
  }

  readonly operations: Operations = {
    load: (words: Int32Array, index: number) => this.atomic('load', words, index, false, (at) => at[index]!),
    store: (words: Int32Array, index: number, value: number) =>
      this.atomic('store', words, index, true, (at) => {
        at[index] = value;
        return value;
      }),
    add: this.update('add', (before, value) => before + value),
    sub: this.update('sub', (before, value) => before - value),
    or: this.update('or', (before, value) => before | value),
    and: this.update('and', (before, value) => before & value),
    compareExchange: (words: Int32Array, index: number, expected: number, value: number) =>
      this.atomic('compareExchange', words, index, true, (at) => {
        const before = at[index]!;
        if (before === expected) at[index] = value;
        return before;
      }),
    wait: (words: unknown, index: number, value: unknown, timeout = Number.POSITIVE_INFINITY) => {
      const { target, step } = this.locate('wait', words as Int32Array, index, false);
      return this.steps.sleep(step, () => target[index] === value, timeout < Number.POSITIVE_INFINITY);
    },
    waitAsync: () => {
      throw new Error('the model knows no promises');
    },
    notify: (words: Int32Array, index: number, count = Number.POSITIVE_INFINITY) =>
      this.steps.wake(this.locate('notify', words, index, true).step, count),
    wordsOf: (buffer: SharedArrayBuffer, bytes = buffer.byteLength) =>
      this.open(new Int32Array(buffer, 0, bytes >> 2), 4),
    bytesOf: (buffer: SharedArrayBuffer, bytes = buffer.byteLength) =>
      this.open(Buffer.from(buffer, 0, bytes), 1),
    sizeOf: (buffer: SharedArrayBuffer) =>
      this.steps.take(this.sizeStep('size', buffer, false), () => buffer.byteLength),
    grow: (buffer: SharedArrayBuffer, bytes: number) =>
      this.steps.take(this.sizeStep('grow', buffer, true), () => {
        toggle(this.hash, this.numberOf(buffer) * BUFFER_WORDS + SIZE, buffer.byteLength);
        buffer.grow(bytes);
        toggle(this.hash, this.numberOf(buffer) * BUFFER_WORDS + SIZE, bytes);
      }),
  } as unknown as Operations;

  private update(name: string, change: (before: number, value: number) => number) {
    return (words: Int32Array, index: number, value: number) =>
      this.atomic(name, words, index, true, (at) => {
        const before = at[index]!;
        at[index] = change(before, value);
        return before;
      });
  }

  private atomic(
    name: string,
    words: Int32Array,
    index: number,
    writes: boolean,
    perform: (target: Int32Array) => number,
  ): number {
    const { view, target, step } = this.locate(name, words, index, writes);
    return this.steps.take(step, () =>
      writes ? this.change(view, index, index + 1, step, () => perform(target)) : perform(target),
    );
  }

  private locate(name: string, words: Int32Array, index: number, writes: boolean) {
    const view = this.views.get(words);
    if (view === undefined) throw new Error(`${name} of a word that is not shared`);
    return { view, target: view.target as Int32Array, step: stepOf(name, view, index, index + 1, writes) };
  }

  private sizeStep(name: string, buffer: SharedArrayBuffer, writes: boolean): Step {
    const place = this.numberOf(buffer) * BUFFER_WORDS + SIZE;
    return { name, from: place, to: place, writes };
  }

  private numberOf(buffer: SharedArrayBuffer): number {
    const known = this.buffers.indexOf(buffer);
    return known >= 0 ? known : this.buffers.push(buffer) - 1;
  }

  private open<T extends Int32Array | Buffer>(target: T, wordBytes: number): T {
    const buffer = target.buffer as SharedArrayBuffer;
    const words = new Int32Array(buffer, 0, ...(buffer.growable ? [] : [buffer.byteLength >> 2]));
    const view: View = { target, words, buffer: this.numberOf(buffer), wordBytes };
    const proxy = new Proxy(target, {
      get: (_, key) => this.read(view, key),
      set: (_, key, value) => this.write(view, Number(key), value),
    });
    this.views.set(proxy, view);
    return proxy;
  }

  private read(view: View, key: string | symbol): unknown {
    const { target } = view;
    const index = typeof key === 'string' ? Number(key) : Number.NaN;
    if (Number.isInteger(index)) {
      return this.steps.take(stepOf('read', view, index, index + 1, false), () => target[index]);
    }
    const value: unknown = Reflect.get(target, key, target);
    return typeof value === 'function' ? this.method(view, key, value as Method) : value;
  }

  private write(view: View, index: number, value: number): boolean {
    const step = stepOf('write', view, index, index + 1, true);
    return this.steps.take(step, () =>
      this.change(view, index, index + 1, step, () => {
        view.target[index] = value;
        return true;
      }),
    );
  }

  /** A method of the array: one step for all the words of it, because nothing here relies on half of them. */
  private method(view: View, key: string | symbol, method: Method): Method {
    const { target, wordBytes } = view;
    return (...args) => {
      if (key === 'subarray') {
        const part = method.apply(target, args) as Int32Array & Buffer;
        return this.open(part, wordBytes);
      }
      const written = WRITING[String(key)]?.(args, target.length);
      if (written === undefined && !READING.has(String(key)) && key !== Symbol.iterator) {
        throw new Error(`the model knows no ${String(key)} of shared memory`);
      }
      const [from, to] = written ?? [0, target.length];
      const step = stepOf(String(key), view, from, to, written !== undefined);
      const perform = (): unknown => {
        if (key === Symbol.iterator) return target.slice();
        return method.apply(
          target,
          args.map((arg) => this.views.get(arg as object)?.target ?? arg),
        );
      };
      const given = this.steps.take(step, () =>
        written === undefined ? perform() : this.change(view, from, to, step, perform),
      );
      // A step may be given again, so nobody may change what it gave.
      const copy = given instanceof Int32Array || given instanceof Uint8Array ? given.slice() : given;
      return key === Symbol.iterator ? (copy as Int32Array)[Symbol.iterator]() : copy;
    };
  }

  /** Keeps what is there, to be taken back, and the hash of what comes. */
  private change<T>(view: View, from: number, to: number, step: Step, perform: () => T): T {
    this.save(view.target, from, to);
    const first = step.from % BUFFER_WORDS;
    const end = (step.to % BUFFER_WORDS) + 1;
    const before = view.words.slice(first, end);
    const value = perform();
    for (let word = first; word < end; word++) {
      const [was, is] = [before[word - first]!, view.words[word]!];
      if (was === is) continue;
      const place = step.from + word - first;
      toggle(this.hash, place, was);
      toggle(this.hash, place, is);
    }
    return value;
  }

  private save(target: Int32Array | Buffer, from: number, to: number): void {
    if (to === from + 1) {
      const before = target[from]!;
      this.undo.push(() => {
        target[from] = before;
      });
    } else {
      // The `slice` of a Buffer is a view.
      const before = Buffer.isBuffer(target)
        ? Uint8Array.from(target.subarray(from, to))
        : target.slice(from, to);
      this.undo.push(() => target.set(before, from));
    }
  }
}

function stepOf(
  name: string,
  { target, buffer, wordBytes }: View,
  from: number,
  to: number,
  writes: boolean,
): Step {
  const base = buffer * BUFFER_WORDS;
  const place = (index: number) => base + ((target.byteOffset + index * wordBytes) >> 2);
  return { name, from: place(from), to: place(Math.max(from, to - 1)), writes };
}

/** No word of memory: which threads have died. */
export const DEATH: Step = { name: 'death', from: -1, to: -1, writes: true };
export const IS_DEAD: Step = { ...DEATH, name: 'is dead', writes: false };

/** A place in words for a person. */
export function describePlace(place: number): string {
  const word = place % BUFFER_WORDS;
  return `${Math.floor(place / BUFFER_WORDS)}:${word === SIZE ? 'size' : word}`;
}
