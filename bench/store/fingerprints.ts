import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildEngine, type BuildState, openState } from 'millrace';
import type { BenchRow, BenchSuite } from '../suite.js';

const TASKS = 1000;
const RUNS = 4;
const SHARED_INPUTS = 20;

/** What the history keeps of each execution: tasks with 22 inputs, of which one is another in every run. */
export const suite: BenchSuite = {
  name: 'history',
  run: async () => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    const state = await openState(join(root, '.millrace'));
    try {
      return await measure(root, state);
    } finally {
      await state.close();
      rmSync(root, { recursive: true });
    }
  },
};

async function measure(root: string, state: BuildState): Promise<BenchRow[]> {
  const shared = Array.from({ length: SHARED_INPUTS }, (_, index) => `h${index}`);
  for (const name of [...shared, 'changing']) writeFileSync(join(root, name), name);
  state.tasks.define(
    Array.from({ length: TASKS }, (_, task) => {
      writeFileSync(join(root, `s${task}`), `${task}`);
      return { id: `t${task}`, command: 'true', inputs: [`s${task}`, 'changing', ...shared] };
    }),
  );
  const engine = new BuildEngine(state, { root });
  for (let run = 1; run <= RUNS; run++) {
    writeFileSync(join(root, 'changing'), `${run}`);
    const { executed } = await engine.run({ cache: false });
    if (executed !== TASKS) throw new Error(`${executed} of ${TASKS} tasks were executed.`);
  }
  const [first, later] = [bytesOf(state, 1), bytesOf(state, RUNS)];
  const print = fingerprintBytes(state);
  return [
    { what: 'an attempt in the history, first run', value: first, unit: 'B' },
    { what: 'an attempt in the history, later runs', value: later, unit: 'B' },
    { what: 'of it, what a task with 22 inputs saw, one of them changed', value: print, unit: 'B' },
  ];
}

/** Of one attempt of a run, as stored. */
function bytesOf({ opened: { database } }: BuildState, run: number): number {
  const sizes = database.keys(['attempts', run]).map((key) => database.get(key)!.length);
  return sizes.reduce((sum, size) => sum + size, 0) / TASKS;
}

function fingerprintBytes({ history }: BuildState): number {
  const [{ was } = {}] = history.traces('t1');
  return was?.length ?? Number.NaN;
}
