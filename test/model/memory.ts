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
  /** Blocks the thread at hand until another one notifies the place, or, if it may time out, its time is over. */
  wait(step: Step, isEqual: () => boolean, timesOut: boolean): 'ok' | 'not-equal' | 'timed-out';
  notify(step: Step, count: number): number;
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

const MAX_BUFFERS = 256;

/** So many words at a time are looked at as one: of those that are filled, few become others. */
const COMPARED_WORDS = 512;

/** A moment of memory. */
export interface Mark extends Hash {
  /** Words that had been overwritten by then. */
  readonly written: number;
}

/** A word, and what it holds from now on. */
export interface Written {
  readonly words: Int32Array;
  readonly index: number;
  readonly place: number;
  readonly is: number;
}

/** A word, and what it held. */
interface Overwritten {
  readonly words: Int32Array;
  readonly index: number;
  readonly place: number;
  readonly was: number;
}

type Method = (...args: unknown[]) => unknown;
/** Which elements a method writes, and reads. */
type Extent = (args: readonly unknown[], length: number) => [from: number, to: number];
const WRITING = new Map<string | symbol, Extent>([
  ['fill', ([, from = 0, to], length) => [from as number, (to as number | undefined) ?? length]],
  ['set', ([values, from = 0]) => [from as number, (from as number) + (values as ArrayLike<number>).length]],
  [
    'copyWithin',
    ([from, source, end], length) => {
      const [to, start, count] = [
        from as number,
        source as number,
        ((end as number | undefined) ?? length) - (source as number),
      ];
      return [Math.min(to, start), Math.max(to, start) + count];
    },
  ],
  ['write', ([text, from = 0]) => [from as number, (from as number) + Buffer.byteLength(text as string)]],
]);
const between: Extent = ([from = 0, to], length) => [from as number, (to as number | undefined) ?? length];
const all: Extent = (_, length) => [0, length];
/** Which elements a method reads. */
const READING = new Map<string | symbol, Extent>([
  ['slice', between],
  ['utf8Slice', between],
  ['latin1Slice', between],
  ['toString', ([, ...range], length) => between(range, length)],
  ['readUInt16LE', ([from]) => [from as number, (from as number) + 2]],
  ['includes', all],
  ['indexOf', all],
  [Symbol.iterator, all],
]);

/**
 * Shared memory whose every access is a step: views of it are proxies, so that plain loads and stores are seen as well as atomic
 * ones. What was written can be undone.
 */
export class WatchedMemory {
  private readonly steps: Steps;
  private readonly buffers: SharedArrayBuffer[] = [];
  /** Of each buffer, in bytes: growth is taken back as words are, though the buffer stays as large as it was. */
  private readonly sizes = new Int32Array(MAX_BUFFERS);
  private readonly views = new WeakMap<object, View>();
  private readonly wholes = new WeakMap<SharedArrayBuffer, Map<string, Int32Array | Buffer>>();
  private readonly undo: Overwritten[] = [];
  /** What a step on many words has found there. */
  private before = new Int32Array(0);
  /** Of what differs from what was kept: the same whenever memory is the same. */
  readonly hash: Hash = { one: 0, two: 0 };

  constructor(steps: Steps) {
    this.steps = steps;
  }

  /** How many words have been overwritten. */
  get written(): number {
    return this.undo.length;
  }

  /** For `back`: memory as it is now. */
  mark(): Mark {
    return { ...this.hash, written: this.undo.length };
  }

  /** Takes back all that was written since. */
  back({ one, two, written }: Mark): void {
    while (this.undo.length > written) {
      const { words, index, was } = this.undo.pop()!;
      words[index] = was;
    }
    this.hash.one = one;
    this.hash.two = two;
  }

  /** What was written since so many words had been, as it is now. */
  writtenSince(written: number): Written[] {
    const writes = new Map<number, Written>();
    for (const { words, index, place } of this.undo.slice(written))
      writes.set(place, { words, index, place, is: words[index]! });
    return [...writes.values()];
  }

  /** Writes that again. */
  write(writes: readonly Written[]): void {
    for (const { words, index, place, is } of writes) {
      const was = words[index]!;
      words[index] = is;
      this.note(words, index, was, place);
    }
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
      return this.steps.wait(step, () => target[index] === value, timeout < Number.POSITIVE_INFINITY);
    },
    waitAsync: () => {
      throw new Error('the model knows no promises');
    },
    notify: (words: Int32Array, index: number, count = Number.POSITIVE_INFINITY) =>
      this.steps.notify(this.locate('notify', words, index, true).step, count),
    wordsOf: (buffer: SharedArrayBuffer, bytes = this.sizes[this.numberOf(buffer)]!) =>
      this.whole(buffer, `words ${bytes}`, () => this.open(new Int32Array(buffer, 0, bytes >> 2), 4)),
    bytesOf: (buffer: SharedArrayBuffer, bytes = this.sizes[this.numberOf(buffer)]!) =>
      this.whole(buffer, `bytes ${bytes}`, () => this.open(Buffer.from(buffer, 0, bytes), 1)),
    sizeOf: (buffer: SharedArrayBuffer) => {
      const number = this.numberOf(buffer);
      return this.steps.take(sizeStep('size', number, false), () => this.sizes[number]);
    },
    grow: (buffer: SharedArrayBuffer, bytes: number) => {
      const number = this.numberOf(buffer);
      const step = sizeStep('grow', number, true);
      this.steps.take(step, () => {
        const was = this.sizes[number]!;
        if (bytes < was) throw new RangeError(`a buffer of ${was} bytes cannot shrink`);
        if (bytes > buffer.byteLength) buffer.grow(bytes);
        this.sizes[number] = bytes;
        this.note(this.sizes, number, was, step.from);
      });
    },
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
      writes ? this.change(view, step, () => perform(target)) : perform(target),
    );
  }

  private locate(name: string, words: Int32Array, index: number, writes: boolean) {
    const view = this.views.get(words);
    if (view === undefined) throw new Error(`${name} of a word that is not shared`);
    return { view, target: view.target as Int32Array, step: stepOf(name, view, index, index + 1, writes) };
  }

  private numberOf(buffer: SharedArrayBuffer): number {
    const known = this.buffers.indexOf(buffer);
    if (known >= 0) return known;
    this.sizes[this.buffers.length] = buffer.byteLength;
    return this.buffers.push(buffer) - 1;
  }

  /** Threads attach again whenever they go on: the same view of a buffer is made once. */
  private whole<T extends Int32Array | Buffer>(buffer: SharedArrayBuffer, key: string, open: () => T): T {
    let views = this.wholes.get(buffer);
    if (views === undefined) {
      views = new Map();
      this.wholes.set(buffer, views);
    }
    const known = views.get(key) as T | undefined;
    if (known !== undefined) return known;
    const view = open();
    views.set(key, view);
    return view;
  }

  private open<T extends Int32Array | Buffer>(target: T, wordBytes: number): T {
    const buffer = target.buffer as SharedArrayBuffer;
    const words = new Int32Array(buffer, 0, ...(buffer.growable ? [] : [buffer.byteLength >> 2]));
    const view: View = { target, words, buffer: this.numberOf(buffer), wordBytes };
    const proxy = new Proxy(target, {
      get: (_, key) => this.read(view, key),
      set: (_, key, value) => this.assign(view, Number(key), value),
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

  private assign(view: View, index: number, value: number): boolean {
    const step = stepOf('write', view, index, index + 1, true);
    return this.steps.take(step, () =>
      this.change(view, step, () => {
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
      const isWriting = WRITING.has(key);
      const extent = (WRITING.get(key) ?? READING.get(key))?.(args, target.length);
      if (extent === undefined) throw new Error(`the model knows no ${String(key)} of shared memory`);
      const step = stepOf(String(key), view, ...extent, isWriting);
      const kept = args.map(keep);
      const perform = (): unknown => (key === Symbol.iterator ? target.slice() : method.apply(target, kept));
      if (isWriting) {
        return this.steps.take(step, () => {
          const given = this.change(view, step, perform);
          // What some give is all of the array, which nobody looks at.
          return typeof given === 'number' ? given : undefined;
        });
      }
      const given = this.steps.take(step, perform);
      // A step may be given again, so nobody may change what it gave.
      const copy = given instanceof Int32Array || given instanceof Uint8Array ? given.slice() : given;
      return key === Symbol.iterator ? (copy as Int32Array)[Symbol.iterator]() : copy;
    };
  }

  /** Keeps what is there, to be taken back, and the hash of what comes. */
  private change<T>({ words }: View, step: Step, perform: () => T): T {
    const first = step.from % BUFFER_WORDS;
    const length = step.to - step.from + 1;
    if (length === 1) {
      const was = words[first]!;
      const value = perform();
      this.note(words, first, was, step.from);
      return value;
    }
    if (length > this.before.length) this.before = new Int32Array(length);
    const { before } = this;
    before.set(words.subarray(first, first + length));
    const value = perform();
    for (let at = 0; at < length; at += COMPARED_WORDS) {
      const to = Math.min(length, at + COMPARED_WORDS);
      if (areEqual(before.subarray(at, to), words.subarray(first + at, first + to))) continue;
      for (let word = at; word < to; word++) this.note(words, first + word, before[word]!, step.from + word);
    }
    return value;
  }

  private note(words: Int32Array, index: number, was: number, place: number): void {
    const is = words[index]!;
    if (was === is) return;
    this.undo.push({ words, index, place, was });
    toggle(this.hash, place, was);
    toggle(this.hash, place, is);
  }
}

function sizeStep(name: string, buffer: number, writes: boolean): Step {
  const place = buffer * BUFFER_WORDS + SIZE;
  return { name, from: place, to: place, writes };
}

/** A step may be done long after the code has gone on that has given it this. Of a view, what it holds is read, which is a step, too. */
function keep(arg: unknown): unknown {
  return arg instanceof Int32Array || arg instanceof Uint8Array ? arg.slice() : arg;
}

function areEqual(one: Int32Array, other: Int32Array): boolean {
  return Buffer.compare(bytesOf(one), bytesOf(other)) === 0;
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
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
