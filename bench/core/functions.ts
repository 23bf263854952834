import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildEngine, openState, type TaskDefinition } from 'millrace';
import { type BenchRow, type BenchSuite, median, timed } from '../suite.js';
import { definitions } from './graphs.js';
import { emptyPiscinaTask } from './piscina.js';

const COUNT = 500_000;
const SINGLE_COUNT = 5_000;
const ROUNDS = 5;
const MODULE = 'functions.cjs';

/** Functions that do nothing, called by `BuildEngine` in two threads; and by piscina, in two threads as well. */
export const suite: BenchSuite = {
  name: 'functions',
  async run() {
    const root = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    try {
      writeFileSync(join(root, MODULE), 'module.exports = () => {};');
      const theirs = await emptyPiscinaTask();
      const random = await engine(root, definitions(COUNT));
      const flat = await engine(
        root,
        definitions(COUNT).map(({ id }) => ({ id })),
      );
      const chain = await engine(root, chained(COUNT));
      const single = await engine(root, definitions(SINGLE_COUNT), { timeout: 60_000 });
      return [
        {
          ...row('an empty function, of 500,000 with three dependencies each', random),
          target: { atMost: 2 },
        },
        row('the same without dependencies', flat),
        row('the same as one chain', chain),
        row('an empty function with a timeout, so called by a message', single),
        { what: 'an empty task of piscina, 1,000 at a time', value: theirs, unit: 'µs' },
        { what: 'piscina : an empty function', value: theirs / random, unit: 'x' },
      ];
    } finally {
      rmSync(root, { recursive: true });
    }
  },
};

function row(what: string, value: number): BenchRow {
  return { what, value, unit: 'µs' };
}

function chained(count: number): TaskDefinition[] {
  return definitions(count).map(({ id }, index, all) => ({
    id,
    dependencies: index === 0 ? [] : [all[index - 1]!.id],
  }));
}

/** Microseconds a task of a whole run, its threads started included, when the definitions have been seen by a run. */
async function engine(
  root: string,
  tasks: readonly TaskDefinition[],
  more: Partial<TaskDefinition> = {},
): Promise<number> {
  await using state = await openState({ memory: true });
  state.tasks.replaceAll(tasks.map((task) => ({ ...task, ...more, function: { module: MODULE } })));
  const engine = new BuildEngine(state, { root });
  const run = async (): Promise<void> => {
    const { executed } = await engine.run({ jobs: 2 });
    if (executed !== tasks.length) throw new Error(`${executed} of ${tasks.length} functions were called.`);
  };
  await run();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(((await timed(run)) * 1e3) / tasks.length);
  return median(rounds);
}
