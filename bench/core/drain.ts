import { PGraph } from 'p-graph';
import { type BenchRow, type BenchSuite, median, medianMs, timed } from '../suite.js';
import { type Core, definitions, drain, MILLION, openCore, resetAll } from './graphs.js';

const PEER_COUNT = 100_000;
const PEER_ROUNDS = 3;

export const suite: BenchSuite = {
  name: 'drain',
  async run() {
    return [await drainMillion(), await againstPGraph()];
  },
};

function prepare(count: number): Core {
  const core = openCore();
  core.tasks.define(definitions(count));
  core.tasks.prioritize();
  return core;
}

function drainAll({ tasks }: Core, count: number): void {
  if (drain(tasks) !== count) throw new Error('Not all tasks were claimed.');
}

async function drainMillion(): Promise<BenchRow> {
  const core = prepare(MILLION);
  const run = (): void => drainAll(core, MILLION);
  const ms = await medianMs(run, { rounds: 5, before: () => resetAll(core, MILLION) });
  return {
    what: '1 M empty tasks, 3 dependencies each, claim to complete, one thread',
    value: ms,
    unit: 'ns a task',
    target: { atMost: 250 },
  };
}

/** Both run the same graph, built before and not counted, turn by turn. */
async function againstPGraph(): Promise<BenchRow> {
  const core = prepare(PEER_COUNT);
  const peer = pGraph();
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round <= PEER_ROUNDS; round++) {
    resetAll(core, PEER_COUNT);
    ours.push(await timed(() => drainAll(core, PEER_COUNT)));
    theirs.push(await timed(() => peer.run({ concurrency: 1 })));
  }
  const nanoseconds = (ms: readonly number[]): number => (median(ms.slice(1)) * 1e6) / PEER_COUNT;
  const value = nanoseconds(theirs) / nanoseconds(ours);
  return {
    what: `100,000 empty tasks: p-graph ${nanoseconds(theirs).toFixed(0)} ns a task, ours ${nanoseconds(ours).toFixed(0)}`,
    value,
    unit: 'times',
    target: { atLeast: 50 },
  };
}

function pGraph(): PGraph {
  const list = definitions(PEER_COUNT);
  const nodes = new Map(list.map(({ id }) => [id, { run: () => {} }]));
  const edges = list.flatMap(({ id, dependencies }) => dependencies!.map((on): [string, string] => [on, id]));
  return new PGraph(nodes, edges);
}
