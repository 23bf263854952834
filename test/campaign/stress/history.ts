import type { Operation } from './linearizable.js';
import { ACTIONS, type Call, REFUSED } from './specification.js';

/** A call on a sampled row, and when it was under way. */
export interface LoggedCall extends Call, Operation {
  readonly row: number;
}

const HEAD = 1;
const FIELDS = 6;

/**
 * What one thread did to sampled rows, in memory of its own, which the main thread reads once the thread has told that its part of the
 * round is over. Bounded: who fills it stops.
 *
 * word 0: number of entries; then of each entry the row, the place of the action in `ACTIONS`, argument, result, invocation, response.
 */
export class Log {
  private readonly words: Float64Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Float64Array(memory);
  }

  static memoryFor(entries: number): SharedArrayBuffer {
    return new SharedArrayBuffer((HEAD + entries * FIELDS) * 8);
  }

  clear(): void {
    this.words[0] = 0;
  }

  /** Room for so many more. */
  get room(): number {
    return Math.floor((this.words.length - HEAD) / FIELDS) - this.words[0]!;
  }

  append(
    row: number,
    action: number,
    argument: number,
    result: number,
    invoked: number,
    responded: number,
  ): void {
    const { words } = this;
    const at = HEAD + words[0]! * FIELDS;
    words[at] = row;
    words[at + 1] = action;
    words[at + 2] = argument;
    words[at + 3] = result;
    words[at + 4] = invoked;
    words[at + 5] = responded;
    words[0]!++;
  }

  read(thread: number): LoggedCall[] {
    return Array.from({ length: this.words[0]! }, (_, index) => {
      const at = HEAD + index * FIELDS;
      const [row, action, argument, result, invoked, responded] = this.words.subarray(at, at + FIELDS);
      return {
        thread,
        row: row!,
        action: ACTIONS[action!]!,
        argument: argument!,
        result: result!,
        invoked: invoked!,
        responded: responded!,
      };
    });
  }
}

/**
 * The stamps of operations. An invocation may be stamped too early, and a response too late: that only makes operations overlap which
 * did not, so an error may be missed, but none is invented.
 */
export interface Clock {
  invoke(): number;
  respond(): number;
}

export type ClockName = 'counter' | 'system';

/**
 * Two clocks, of which each round uses one, for neither is without influence on what it watches.
 *
 * `counter`: one word that all threads share. A response adds one to it, an invocation only loads it: whose response is below that
 * was over. Every invocation thereby happens after all earlier responses, as JavaScript's memory model has it, which may hide
 * that an operation fails to publish what it wrote; and the threads meet in one cache line.
 *
 * `system`: the system's monotonic clock, which is the same on all processors, and writes nothing that others read. On x86-64 it is read
 * with a fence for loads only; a store that is still on its way to the cache then shows as what it is, a late one.
 */
export function openClock(name: ClockName, word: Int32Array<SharedArrayBuffer>): Clock {
  if (name === 'system') return { invoke: nanoseconds, respond: nanoseconds };
  return { invoke: () => Atomics.load(word, 0), respond: () => Atomics.add(word, 0, 1) };
}

function nanoseconds(): number {
  const [seconds, rest] = process.hrtime();
  return seconds * 1e9 + rest;
}

/**
 * The calls on each row; of a thread in the order of its calls.
 */
export function historiesOf(calls: Iterable<LoggedCall>): Map<number, LoggedCall[]> {
  const histories = new Map<number, LoggedCall[]>();
  for (const call of calls) {
    const known = histories.get(call.row);
    const history = known ?? [];
    if (known === undefined) histories.set(call.row, history);
    if (call.result >= REFUSED) history.push(call);
    else
      history.push(
        { ...call, result: REFUSED },
        {
          ...call,
          action: 'status',
          argument: 0,
          result: toldBy(call),
        },
      );
  }
  return histories;
}

/** A refusal is logged as REFUSED - 1 - status, if the error told of a status. */
export const refusedAt = (status: number): number => REFUSED - 1 - status;

/**
 * What an error says the status is was read after the call had been refused, maybe after a change by another thread: a call of its
 * own.
 */
const toldBy = ({ result }: LoggedCall): number => REFUSED - 1 - result;
