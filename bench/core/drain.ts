import type { BuildState, TaskDefinition } from 'millrace';
import { PGraph } from 'p-graph';
import { type BenchRow, type BenchSuite, median, medianMs, timed } from '../suite.js';
import { definitions, drain, MILLION, openCore, resetAll } from './graphs.js';
import { emptyPiscinaTask } from './piscina.js';

const SMALL = 100_000;
const PEER_ROUNDS = 3;
/** Ours is over in a fiftieth of the peer's time, so one run would be at the mercy of chance. */
const OUR_RUNS = 5;

export const suite: BenchSuite = {
  name: 'drain',
  async run() {
    const million = await drainMillion();
    const piscina = await emptyPiscinaTask();
    return [
      million,
      {
        what: `an empty task of piscina takes ${piscina.toFixed(0)} µs: piscina to ours`,
        value: (piscina * 1e3) / million.value,
        unit: 'x',
        target: { atLeast: 100 },
      },
      await runAgainstPGraph(SMALL),
      await buildAndRunAgainstPGraph(),
      { ...(await runAgainstPGraph(MILLION)), target: { atLeast: 60 } },
    ];
  },
};

async function prepare(count: number): Promise<BuildState> {
  const core = await openCore();
  core.tasks.define(definitions(count));
  core.tasks.prioritize();
  return core;
}

function drainAll({ tasks }: BuildState, count: number): void {
  if (drain(tasks) !== count) throw new Error('Not all tasks were claimed.');
}

async function drainMillion(): Promise<BenchRow> {
  const core = await prepare(MILLION);
  const run = (): void => drainAll(core, MILLION);
  const ms = await medianMs(run, { rounds: 5, before: () => resetAll(core, MILLION) });
  return {
    what: '1 M empty tasks, 3 dependencies each, claim to complete, one thread',
    value: ms,
    unit: 'ns a task',
    target: { atMost: 150 },
  };
}

/** Both run the same graph, built before and not counted, turn by turn. */
async function runAgainstPGraph(count: number): Promise<BenchRow> {
  const core = await prepare(count);
  const peer = new PGraph(...peerInput(definitions(count)));
  return againstPGraph(`${count} empty tasks, built before`, count, {
    before: () => resetAll(core, count),
    ours: () => drainAll(core, count),
    theirs: () => peer.run({ concurrency: 1 }),
  });
}

/** Both build the graph, too, from objects that are there. */
function buildAndRunAgainstPGraph(): Promise<BenchRow> {
  const list = definitions(SMALL);
  const input = peerInput(list);
  return againstPGraph(`${SMALL}, built and run`, SMALL, {
    async ours() {
      const core = await openCore();
      core.tasks.define(list);
      drainAll(core, SMALL);
    },
    theirs: () => new PGraph(...input).run({ concurrency: 1 }),
  });
}

interface Match {
  readonly before?: () => void;
  readonly ours: () => void | Promise<void>;
  readonly theirs: () => Promise<void>;
}

/** Turn by turn; the first round warms up. */
async function againstPGraph(
  what: string,
  count: number,
  { before, ours, theirs }: Match,
): Promise<BenchRow> {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round <= PEER_ROUNDS; round++) {
    for (let run = 0; run < OUR_RUNS; run++) {
      before?.();
      times[0].push(await timed(ours));
    }
    times[1].push(await timed(theirs));
  }
  const nanoseconds = (ms: readonly number[]): number => (median(ms) * 1e6) / count;
  const [mine, peer] = [nanoseconds(times[0].slice(OUR_RUNS)), nanoseconds(times[1].slice(1))];
  return {
    what: `${what}: p-graph ${peer.toFixed(0)} ns a task, ours ${mine.toFixed(0)}`,
    value: peer / mine,
    unit: 'times',
  };
}

function peerInput(list: readonly TaskDefinition[]): ConstructorParameters<typeof PGraph> {
  const nodes = new Map(list.map(({ id }) => [id, { run: () => {} }]));
  const edges = list.flatMap(({ id, dependencies }) => dependencies!.map((on): [string, string] => [on, id]));
  return [nodes, edges];
}
