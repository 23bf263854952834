import { append, type Hash } from './hash.js';
import type { Machine } from './machine.js';

/** Which thread stands where another one may stand in a state that is like this one. */
export type Order = readonly number[];

/**
 * Threads with the same body, sorted by what they are: memory says nothing of which is which, so states that differ in nothing else are the same (symmetry
 * reduction: Ip and Dill, FMSD 1996).
 */
export function orderOf(machine: Machine<unknown>, running: number, asleep: number): Order {
  const { kinds, waiting } = machine;
  const order = [...kinds.keys()];
  if (new Set(kinds).size === kinds.length) return order;
  const rank = (thread: number) => [
    kinds[thread]!,
    codeOf(machine, thread),
    Number(thread === running),
    waiting.indexOf(thread),
    (asleep >> thread) & 1,
  ];
  return order
    .map((thread) => ({ thread, rank: rank(thread) }))
    .sort((one, other) => compare(one.rank, other.rank))
    .map(({ thread }) => thread);
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at < 0 ? 0 : one[at]! - other[at]!;
}

/** What is left to come depends on memory, on where the threads are and who runs, and on who has waited for longest. */
export function keyOf(machine: Machine<unknown>, running: number, order: Order): Hash {
  const { one, two } = machine.memory.hash;
  const key: Hash = { one, two };
  append(key, order.indexOf(running));
  for (const thread of order) append(key, codeOf(machine, thread));
  for (const thread of machine.waiting) append(key, order.indexOf(thread));
  return key;
}

/** Bits of threads, in that order. */
export function permute(threads: number, order: Order): number {
  let permuted = 0;
  for (const [at, thread] of order.entries()) permuted |= ((threads >> thread) & 1) << at;
  return permuted;
}

/** The opposite. */
export function permuteBack(permuted: number, order: Order): number {
  let threads = 0;
  for (const [at, thread] of order.entries()) threads |= ((permuted >> at) & 1) << thread;
  return threads;
}

function codeOf({ moments, statuses }: Machine<unknown>, thread: number): number {
  const { end, id } = moments[thread]!;
  switch (statuses[thread]) {
    case 'ready':
      return 2 * id;
    case 'waiting':
      return 2 * id + 1;
    case 'done':
      return -2 - end!.key;
    default:
      return -1;
  }
}
