import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  BuildEngine,
  type BuildEvent,
  type BuildState,
  openState,
  type RunSummary,
  type TaskDefinition,
  TaskStatus,
} from 'millrace';
import { temporaryFolder } from './lane-support.js';

const ROUNDS = 10;
const MODULE = `
import { setTimeout as sleep } from 'node:timers/promises';
export default function () {}
export const fails = () => { throw new Error('no'); };
export const exits = () => process.exit(3);
export async function tells(_, { progress, signal }) { progress(0); await sleep(5, undefined, { signal }); progress(1); return 1; }
`;
const EXPORTS = ['default', 'default', 'default', 'tells', 'tells', 'fails', 'exits'];

type Below = (limit: number) => number;

function randomBelow(seed: number): Below {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
}

function randomTasks(below: Below): TaskDefinition[] {
  return Array.from({ length: 1 + below(60) }, (_, index): TaskDefinition => {
    const needed = index === 0 ? [] : [below(index), below(index)].slice(0, below(3));
    const task = { id: `t${index}`, dependencies: [...new Set(needed)].map((at) => `t${at}`) };
    if (below(6) === 0) return { ...task, command: below(8) === 0 ? 'exit 3' : ':' };
    return {
      ...task,
      function: { module: 'tasks.mjs', export: EXPORTS[below(below(3) === 0 ? 7 : 5)]! },
      ...(below(6) === 0 ? { timeout: 60_000 } : {}),
      ...(below(8) === 0 ? { pool: 'narrow' } : {}),
      ...(below(5) === 0 ? { retries: 1 } : {}),
    };
  });
}

/** What the events of a run say must fit together, whatever the threads do. */
class Watch {
  readonly ended = new Map<string, string>();
  readonly #running = new Set<string>();
  readonly #state: BuildState;

  constructor(state: BuildState) {
    this.#state = state;
  }

  see(event: BuildEvent): void {
    if (event.type === 'task-started') {
      for (const id of this.#state.graph.dependenciesOf(event.task)) {
        assert.equal(this.ended.get(id), 'executed', `${event.task} began before the end of ${id}`);
      }
      this.#running.add(event.task);
    } else if (event.type === 'task-progress') {
      assert.ok(this.#running.has(event.task), `progress of ${event.task} while it does not run`);
    } else if (event.type === 'task-finished') {
      assert.ok(this.#running.delete(event.task), `${event.task} ended, but had not begun`);
      assert.ok(!this.ended.has(event.task), `${event.task} ended twice`);
      if (!event.retrying) this.ended.set(event.task, event.outcome);
    }
  }

  finish({ blocked, cached, cancelled, executed, failed, fresh, total }: RunSummary): void {
    assert.equal(executed + cached + fresh + failed + blocked + cancelled, total);
    assert.equal([...this.ended.values()].filter((outcome) => outcome === 'executed').length, executed);
    assert.deepEqual([...this.#running], [], 'tasks that have begun and not ended');
  }
}

test('random graphs of functions and commands, some of them cancelled: events and counts fit together', async (t) => {
  const seed = Number(process.env.SEED) || 1 + Math.floor(Math.random() * 1e6);
  t.diagnostic(`seed ${seed}`);
  const below = randomBelow(seed);
  const root = await temporaryFolder(t);
  writeFileSync(join(root, 'tasks.mjs'), MODULE);
  await using state = await openState({ memory: true });
  const engine = new BuildEngine(state, { root, graceMs: 100, pools: { narrow: 1 } });
  for (let round = 0; round < ROUNDS; round++) {
    state.tasks.replaceAll(randomTasks(below));
    const watch = new Watch(state);
    const cancel = new AbortController();
    let left = below(3) === 0 ? below(80) : Number.POSITIVE_INFINITY;
    const onEvent = (event: BuildEvent): void => {
      if (left-- <= 0) cancel.abort();
      watch.see(event);
    };
    const keepGoing = below(2) === 0 ? 0 : 1 + below(3);
    watch.finish(await engine.run({ jobs: 1 + below(4), keepGoing, signal: cancel.signal, onEvent }));
    assert.equal(state.tasks.counts().inProgress, 0);
    const { tasks } = state;
    const isCompleted = (id: string): boolean => tasks.status(id) === TaskStatus.Completed;
    const pending = [...tasks.list({ status: TaskStatus.Pending })];
    const ready = pending.filter(({ dependencies }) => dependencies.every(isCompleted));
    const claimed = tasks.claim(1000);
    assert.deepEqual(claimed.map((row) => tasks.idOf(row)).sort(), ready.map(({ id }) => id).sort());
    for (const row of claimed) tasks.release(row);
  }
});
