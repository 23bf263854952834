import { type BuildState, openState, type Row, type TaskDefinition, type TaskManager } from 'millrace';

export const MILLION = 1_000_000;

/** The table alone, as it ships; what persistence costs has suites of its own. */
export const openCore = (): Promise<BuildState> => openState({ memory: true });

/** How far back a task's dependencies may lie: builds have some locality, in the order in which they are written. */
const REACH = 10_000;

/** Tasks with three dependencies each, chosen with equal chance among the 10,000 before them. */
export function definitions(count: number): TaskDefinition[] {
  let state = 1;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * limit);
  };
  return Array.from({ length: count }, (_, index) => ({
    id: `packages/task-${String(index).padStart(7, '0')}`,
    dependencies: Array.from(
      { length: Math.min(3, index) },
      () => `packages/task-${String(index - 1 - below(Math.min(index, REACH))).padStart(7, '0')}`,
    ),
  }));
}

export function resetAll({ tasks }: BuildState, count: number): void {
  for (let row = 0; row < count; row++) tasks.reset(row as Row);
}

/** Claims and completes until nothing is ready. @returns how many */
export function drain(tasks: TaskManager): number {
  let done = 0;
  for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) {
    tasks.complete(row);
    done++;
  }
  return done;
}
