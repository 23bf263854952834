import type { Operations } from '../../src/memory/atomic.js';

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
  readonly buffer: number;
  readonly wordBytes: number;
}

type Method = (...args: unknown[]) => unknown;
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
  }

  /** Takes back all that was written since `keep`. Growth stays. */
  restore(): void {
    for (let undo = this.undo.pop(); undo !== undefined; undo = this.undo.pop()) undo();
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
      this.steps.take(this.sizeStep('grow', buffer, true), () => buffer.grow(bytes)),
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
    const { target, step } = this.locate(name, words, index, writes);
    return this.steps.take(step, () => {
      if (writes) this.save(target, index, index + 1);
      return perform(target);
    });
  }

  private locate(name: string, words: Int32Array, index: number, writes: boolean) {
    const view = this.views.get(words);
    if (view === undefined) throw new Error(`${name} of a word that is not shared`);
    return { target: view.target as Int32Array, step: stepOf(name, view, index, index + 1, writes) };
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
    const view: View = { target, buffer: this.numberOf(target.buffer as SharedArrayBuffer), wordBytes };
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
    return this.steps.take(stepOf('write', view, index, index + 1, true), () => {
      this.save(view.target, index, index + 1);
      view.target[index] = value;
      return true;
    });
  }

  /** A method of the array: one step for all the words of it, because nothing here relies on half of them. */
  private method(view: View, key: string | symbol, method: Method): Method {
    const { target, wordBytes } = view;
    return (...args) => {
      if (key === 'subarray') {
        const part = method.apply(target, args) as Int32Array & Buffer;
        return this.open(part, wordBytes);
      }
      const writes = key === 'fill' || key === 'set' || key === 'copyWithin' || key === 'write';
      if (!writes && !READING.has(String(key)) && key !== Symbol.iterator) {
        throw new Error(`the model knows no ${String(key)} of shared memory`);
      }
      const given = this.steps.take(stepOf(String(key), view, 0, target.length, writes), () => {
        if (writes) this.save(target, 0, target.length);
        if (key === Symbol.iterator) return target.slice();
        return method.apply(
          target,
          args.map((arg) => this.views.get(arg as object)?.target ?? arg),
        );
      });
      // A step may be given again, so nobody may change what it gave.
      const copy = given instanceof Int32Array || given instanceof Uint8Array ? given.slice() : given;
      return key === Symbol.iterator ? (copy as Int32Array)[Symbol.iterator]() : copy;
    };
  }

  private save(target: Int32Array | Buffer, from: number, to: number): void {
    if (to === from + 1) {
      const before = target[from]!;
      this.undo.push(() => {
        target[from] = before;
      });
    } else {
      const before = new Int32Array(target).subarray(from, to);
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
