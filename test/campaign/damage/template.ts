import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildState, openState } from '../../../src/index.js';

const COUNTS = { total: 9, executed: 9, cached: 0, fresh: 0, failed: 0, blocked: 0, cancelled: 0 };

/** A state directory as it was left, and what a state may turn out to be that was opened in a damaged copy of it. */
export interface Template {
  readonly directory: string;
  /** Digests of all that a state says. */
  readonly store: string;
  /** By the names of the backups, newest first. */
  readonly backups: readonly { readonly name: string; readonly digest: string }[];
  readonly empty: string;
}

/** A state of several commits with two backups, each of another content. */
export async function makeTemplate(directory: string): Promise<Template> {
  const digests: string[] = [];
  const state = await openState(directory);
  const empty = digestOf(state);
  for (let round = 0; round < 3; round++) {
    await grow(state, round);
    digests.push(digestOf(state));
    if (round < 2) await state.backup();
  }
  await state.close();
  const names = readdirSync(join(directory, 'backups')).sort();
  const backups = names.map((name, index) => ({ name, digest: digests[index]! })).reverse();
  return { directory, store: digests[2]!, backups, empty };
}

/** All that a state says, in short. */
export function digestOf(state: BuildState): string {
  const runs = state.history.runs();
  const attempts = runs.map(({ run }) => [...state.history.attempts({ run })]);
  const all = [[...state.tasks.list()], state.graph.order(), state.tasks.counts(), runs, attempts];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

async function grow(state: BuildState, round: number): Promise<void> {
  state.tasks.define(
    Array.from({ length: 200 }, (_, index) => ({
      id: `round-${round}/task-${index}`,
      command: `echo ${'x'.repeat(index)}`,
      inputs: [`in-${index}`],
      dependencies: round === 0 ? [] : [`round-${round - 1}/task-${index}`],
    })),
  );
  await state.commit();
  const run = state.history.beginRun({ targets: [], jobs: 2 });
  for (let index = 0; index < 130; index++) {
    const task = `round-${round}/task-${index}`;
    if (round === 0) {
      state.tasks.start(task);
      state.tasks.complete(task, { duration: index });
    }
    state.history.addAttempt({ task, start: 1, duration: index, outcome: 'executed' });
    if (index % 40 === 0) await state.commit();
  }
  state.history.endRun(run, { result: 'succeeded', duration: 2, ...COUNTS });
  await state.commit();
}
