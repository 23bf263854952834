import type { TaskDefinition } from '../../../src/task.js';

/**
 * The tasks that the threads work on. Rows, in this order:
 *
 * | rows | called | dependencies | who ends what somebody has claimed |
 * |---|---|---|---|
 * | `OPEN` | `open-` | none | anybody: these are where threads meet |
 * | `WAITING` | `waiting-` | two open ones each | anybody |
 * | the rest | `own-` | two of the layer below | only who has claimed it |
 * | those that come and go | `new-` | some | only who has claimed it |
 *
 * In each round some of the first two kinds are sampled: all that is done to them is logged. An open task has no dependencies, so it is
 * ready whenever it is Pending, and what it does follows from what was done to it alone: its specification is exact. A waiting one may be
 * refused a start while it is Pending; and that it began while its dependencies were not Completed is looked for in their histories
 * (see `dependencies.ts`).
 */
export const OPEN = 64;
export const WAITING = 16;
export const FIRST_OWN = OPEN + WAITING;
/** So many of the others are in a layer, each of which needs two of the one below. */
const LAYER = 12;

/** The dependencies of a row below `size`. */
export function dependenciesOf(row: number): number[] {
  if (row < OPEN) return [];
  if (row < FIRST_OWN) return [row - OPEN, row - OPEN + 1];
  const layer = Math.floor((row - FIRST_OWN) / LAYER);
  const place = (row - FIRST_OWN) % LAYER;
  if (layer === 0) return [];
  const below = FIRST_OWN + (layer - 1) * LAYER;
  return [below + place, below + ((place + 1) % LAYER)];
}

export function nameOf(row: number): string {
  if (row < OPEN) return `open-${row}`;
  return row < FIRST_OWN ? `waiting-${row}` : `own-${row}`;
}

export function definitions(size: number): TaskDefinition[] {
  return Array.from({ length: size }, (_, row) => ({
    id: nameOf(row),
    dependencies: dependenciesOf(row).map(nameOf),
    // Some of the open ones come first, so that claims meet there; others nearly never are claimed.
    ...(row < FIRST_OWN && row % 2 === 0 ? { priority: 1e6 } : {}),
  }));
}

/** What is sampled in a round: two that wait, what they need, and some more. */
export function sample(random: () => number): number[] {
  const any = (below: number): number => Math.floor(random() * below);
  const rows = new Set<number>();
  for (let count = 0; count < 2; count++) {
    const row = OPEN + any(WAITING);
    for (const one of [row, ...dependenciesOf(row)]) rows.add(one);
  }
  while (rows.size < 10) rows.add(any(OPEN));
  return [...rows];
}
