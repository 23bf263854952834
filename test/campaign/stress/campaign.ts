import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type BuildState, openState } from 'millrace';
import { type Row, TaskStatus } from '../../../src/task.js';
import { randomFrom } from '../../engine/lane-support.js';
import { definitions, dependenciesOf, nameOf, OPEN, sample } from './cast.js';
import { earlyStarts } from './dependencies.js';
import { historiesOf, Log, type LoggedCall } from './history.js';
import { wrongClaims, wrongCounts, wrongHolders } from './invariants.js';
import { findViolation, type Violation } from './linearizable.js';
import type { Answer, CrewInput, MixOrder, Order } from './orders.js';
import { apply, changesNothing, describeCall, describeState, pack, type State } from './specification.js';

export interface StressOptions {
  readonly seed: number;
  readonly threads: number;
  /** How many calls to make in all, at least. */
  readonly operations: number;
  /** After so many seconds no further round begins. */
  readonly seconds?: number;
  readonly onRound?: (soFar: StressResult) => void;
  /** For tests: threads that err, and in which way. */
  readonly worker?: URL;
  readonly flaw?: string;
}

export interface StressResult {
  rounds: number;
  operations: number;
  /** Histories of rows that were checked, and the calls in them. */
  histories: number;
  checkedCalls: number;
  /** Milliseconds: in all, and those in which the main thread checked. */
  milliseconds: number;
  checking: number;
  /** For a person; the campaign ends with the first round that has some. */
  readonly findings: string[];
}

const TASKS = 4000;
/** Rows for what threads define on top. */
const MORE_TASKS = 4096;
const ROUND_OPERATIONS = 1_000_000;
const LOG_ENTRIES = 3000;
const FOCUSES = [0.02, 0.1, 0.5] as const;
const WORKER = new URL('./worker.js', import.meta.url);
/** A thread that says nothing for so long, in milliseconds, hangs. */
const SILENCE = 300_000;
const NOTHING: Answer = { operations: 0, completed: 0, faults: [] };

/** Plays rounds until there are enough operations, or something is found. */
export async function runStress(options: StressOptions): Promise<StressResult> {
  const state = await openState({ memory: true });
  const campaign = new Campaign(state, options);
  try {
    return await campaign.run();
  } finally {
    await campaign.end();
    await state.close();
  }
}

/** A thread, and the log that it writes. */
interface Member {
  readonly worker: Worker;
  readonly log: Log;
}

async function tell({ worker }: Member, order: Order): Promise<Answer> {
  worker.postMessage(order);
  try {
    return ((await once(worker, 'message', { signal: AbortSignal.timeout(SILENCE) })) as [Answer])[0];
  } catch (error) {
    return { ...NOTHING, faults: [`thread ${worker.threadId} has not answered to ${order.kind}: ${error}`] };
  }
}

class Campaign {
  private readonly state: BuildState;
  private readonly options: StressOptions;
  private readonly random: () => number;
  private readonly crew: readonly Member[];
  private readonly owners = words(TASKS + MORE_TASKS);
  private readonly clock = words(1);
  private readonly arrived = words(1);
  private readonly result: StressResult = {
    rounds: 0,
    operations: 0,
    histories: 0,
    checkedCalls: 0,
    milliseconds: 0,
    checking: 0,
    findings: [],
  };

  constructor(state: BuildState, options: StressOptions) {
    this.state = state;
    this.options = options;
    this.random = randomFrom(options.seed);
    state.tasks.define(definitions(TASKS));
    // Dependencies first, as they are in the order of the rows. From here on most is Completed, and so most is ready that is not.
    state.tasks.update(
      Array.from(state.tasks.list(), ({ id }) => ({ task: id, action: 'complete', outcome: 'fresh' })),
    );
    if (state.tasks.rowOf(nameOf(TASKS - 1)) !== TASKS - 1)
      throw new Error('Rows are not in the order of definition.');
    this.crew = Array.from({ length: options.threads }, (_, index) => this.hire(index + 1));
  }

  async run(): Promise<StressResult> {
    const { operations, seconds = Number.POSITIVE_INFINITY, onRound } = this.options;
    const { result } = this;
    const start = performance.now();
    while (
      result.operations < operations &&
      result.findings.length === 0 &&
      result.milliseconds < seconds * 1000
    ) {
      await this.round();
      result.rounds++;
      result.milliseconds = performance.now() - start;
      onRound?.(result);
    }
    return result;
  }

  async end(): Promise<void> {
    await Promise.all(this.crew.map(({ worker }) => worker.terminate()));
  }

  private hire(thread: number): Member {
    const log = Log.memoryFor(LOG_ENTRIES);
    const { threads, flaw, worker = WORKER } = this.options;
    const { owners, clock, arrived } = this;
    const handle = this.state.share();
    const input = { handle, thread, threads, size: TASKS, log, owners, clock, arrived };
    const workerData: CrewInput = flaw === undefined ? input : { ...input, flaw };
    return { worker: new Worker(worker, { workerData }), log: new Log(log) };
  }

  private async all(order: Order): Promise<Answer> {
    const answers = await Promise.all(this.crew.map((member) => tell(member, order)));
    const sum = answers.reduce(
      (one, other) => ({
        operations: one.operations + other.operations,
        completed: one.completed + other.completed,
        faults: [...one.faults, ...other.faults],
      }),
      NOTHING,
    );
    this.result.operations += sum.operations;
    this.find(...sum.faults);
    return sum;
  }

  private find(...findings: string[]): void {
    this.result.findings.push(...findings);
  }

  /** Calls at random; then all threads leave, and come again; then they run all that is not Completed. */
  private async round(): Promise<void> {
    const { state, result } = this;
    const order = this.order();
    // So that nothing is ordered anew in a round in which tasks and edges stay as they are: it would put right what is wrong with the ready set.
    state.tasks.prioritize();
    this.scatter();
    const before = this.states(order.sampled);
    this.arrived[0] = 0;
    await this.all(order);
    const start = performance.now();
    this.check(order, before);
    result.checking += performance.now() - start;
    if (result.findings.length > 0) return;
    await this.all({ kind: 'leave' });
    const { inProgress } = state.tasks.counts();
    if (inProgress !== 0)
      this.find(`${inProgress} tasks are in progress, and no thread is left that could hold them`);
    await this.all({ kind: 'join' });
    await this.drain();
    this.tidy();
  }

  private order(): MixOrder {
    const { operations, threads } = this.options;
    const { rounds } = this.result;
    return {
      kind: 'mix',
      seed: Math.floor(this.random() * 2 ** 31),
      operations: Math.ceil(Math.min(ROUND_OPERATIONS, operations / 8) / threads),
      focus: FOCUSES[Math.floor(this.random() * FOCUSES.length)]!,
      clock: rounds % 2 === 0 ? 'counter' : 'system',
      hasStructure: rounds % 4 >= 2,
      sampled: sample(this.random),
    };
  }

  /** What is Failed is Pending again, and some of what is Completed. */
  private scatter(): void {
    const { tasks } = this.state;
    for (const { id, status } of tasks.list()) {
      const isDone = status === TaskStatus.Completed;
      if (status === TaskStatus.Failed || (isDone && this.random() < 0.2)) tasks.reset(id);
    }
  }

  private states(rows: readonly number[]): Map<number, State> {
    const { tasks } = this.state;
    return new Map(
      rows.map((row) => [row, pack({ ...tasks.get(row as Row), epoch: tasks.epoch(row as Row) })]),
    );
  }

  private check(order: MixOrder, before: ReadonlyMap<number, State>): void {
    const { state, owners } = this;
    this.find(...wrongCounts(state), ...wrongHolders(state.tasks.snapshot().statuses, owners));
    const histories = historiesOf(this.crew.flatMap(({ log }, index) => log.read(index + 1)));
    for (const row of order.sampled) this.checkHistory(row, histories, before, order);
    // Last, for it changes rows.
    this.find(...wrongClaims(state));
  }

  private checkHistory(
    row: number,
    histories: ReadonlyMap<number, LoggedCall[]>,
    before: ReadonlyMap<number, State>,
    order: MixOrder,
  ): void {
    const history = histories.get(row) ?? [];
    this.result.histories++;
    this.result.checkedCalls += history.length;
    const end: LoggedCall[] = readsAtEnd(row, this.states([row]).get(row)!);
    const violation = findViolation([...history, ...end], before.get(row)!, {
      apply: (state, call) => apply(state, call, row >= OPEN),
      changesNothing,
    });
    if (violation !== undefined) this.find(describeViolation(row, violation, order));
    for (const dependency of dependenciesOf(row)) {
      const wasCompleted = (before.get(dependency)! & 3) === TaskStatus.Completed;
      for (const start of earlyStarts(history, histories.get(dependency) ?? [], wasCompleted)) {
        this.find(
          `${nameOf(row)} began while ${nameOf(dependency)} was not Completed: ${JSON.stringify(start)}`,
        );
      }
    }
  }

  private async drain(): Promise<void> {
    const { tasks } = this.state;
    this.scatter();
    const { total, completed } = tasks.counts();
    const sum = await this.all({ kind: 'drain' });
    if (sum.completed !== total - completed) {
      this.find(`${sum.completed} tasks were run where ${total - completed} were not Completed`);
    }
    this.find(...wrongCounts(this.state));
  }

  /** Removes what the threads have defined. */
  private tidy(): void {
    const { tasks } = this.state;
    tasks.remove(Array.from(tasks.list({ id: 'new-*' }), ({ id }) => id));
  }
}

/** What the main thread sees when all is quiet, as the last calls of a history. */
function readsAtEnd(row: number, state: State): LoggedCall[] {
  const call = {
    row,
    thread: 0,
    argument: 0,
    invoked: Number.MAX_SAFE_INTEGER,
    responded: Number.MAX_SAFE_INTEGER,
  };
  return [
    { ...call, action: 'get', result: state & (2 ** 13 - 1) },
    { ...call, action: 'epoch', result: state >>> 13 },
  ];
}

/** For a person: what was known before, and the calls that cannot be put into an order, by their invocations. */
export function describeViolation(
  row: number,
  { before, placed, from, operations }: Violation<LoggedCall>,
  { clock, seed }: Pick<MixOrder, 'clock' | 'seed'>,
): string {
  const all = [...before, ...operations];
  const moments = [...new Set(all.flatMap(({ invoked, responded }) => [invoked, responded]))];
  moments.sort((a, b) => a - b);
  // Only their order means something.
  const place = (moment: number): string =>
    moment === Number.POSITIVE_INFINITY ? '' : String(moments.indexOf(moment));
  const line = (call: LoggedCall): string => {
    const when = `${place(call.invoked)}…${place(call.responded)}`;
    return `  ${when.padEnd(8)} thread ${call.thread}  ${describeCall(call)}`;
  };
  return [
    `not linearisable: ${nameOf(row)} (row ${row}), in a round with seed ${seed}, moments by the ${clock} clock`,
    ...(placed > 0
      ? [`  after ${placed} calls, in one of the orders that get furthest, the last of which are`]
      : []),
    ...before.map(line),
    `  now it is: ${from.map(describeState).join('; or: ')}; and then no order explains`,
    ...operations.toSorted((a, b) => a.invoked - b.invoked).map(line),
  ].join('\n');
}

function words(count: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(count * 4));
}
