import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { BuildEngine, type BuildState, openState, type TaskDefinition } from 'millrace';
import { openFiles, randomFrom, until } from '../engine/lane-support.js';

/** What a process holds. */
export interface Held {
  /** Bytes of the heap and of array buffers, after garbage collection. */
  readonly heap: number;
  /** Bytes of resident memory that belong to no file. */
  readonly resident: number;
  readonly descriptors: number;
  /** Descriptors of the module of the functions: see `lostTo`. */
  readonly modules: number;
  readonly threads: number;
}

export interface SoakResult {
  readonly cycles: number;
  readonly baseline: Held;
  readonly end: Held;
  /** What did not come back, and how to see it again: one sentence each. */
  readonly findings: readonly string[];
}

/** Cycles until all that is loaded once is loaded, and buffers have their sizes. */
const WARM_UP = 8;
const MIB = 2 ** 20;
/** Bytes that may be left: what a heap has grown to is not given back at once. */
const SLACK = 48 * MIB;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MODULE_NAME = 'function.mjs';

/** Writes that it was called, at the path that it is given. */
const MODULE = `import { writeFileSync } from 'node:fs';
export default function ({ path }, { signal }) { if (!signal.aborted && path !== 'none') writeFileSync(path, path); }
`;

/**
 * Random graphs of commands and functions, edited, run, aborted, backed up and reopened in one process; then memory, descriptors and threads must be what they
 * were after the first cycles. Needs Linux (/proc).
 * @param seed of the first cycle; each further one has the next number
 */
export async function soak(
  seconds: number,
  seed: number,
  onCycle?: (cycle: number, held: Held) => void,
): Promise<SoakResult> {
  const root = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
  writeFileSync(join(root, MODULE_NAME), MODULE);
  try {
    let baseline: Held | undefined;
    const end = performance.now() + seconds * 1000;
    let cycles = 0;
    for (; cycles <= WARM_UP || performance.now() < end; cycles++) {
      await playCycle(root, seed + cycles);
      // V8 does not count shared memory when it decides whether to collect: that of some hundred closed states would wait, 6 MB each, and
      // what the allocator has once got it does not give back.
      collect();
      if (cycles === WARM_UP) baseline = await held();
      if (onCycle !== undefined && cycles % 20 === 0) onCycle(cycles, await held());
    }
    const last = await held();
    const findings = compare(baseline!, last, cycles).map(
      (what) => `${what} (again: ${again(seconds, seed)})`,
    );
    return { cycles, baseline: baseline!, end: last, findings };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const again = (seconds: number, seed: number): string =>
  `node dist/test/campaign/soak.js --seconds ${seconds} --seed ${seed}`;

/** @throws Error that says how to play it again */
async function playCycle(root: string, seed: number): Promise<void> {
  try {
    await cycle(root, randomFrom(seed));
  } catch (cause) {
    throw new Error(`Cycle ${seed} has failed (again, as the first of a few: ${again(0, seed)})`, { cause });
  }
}

/** One state from its beginning to its end. */
async function cycle(root: string, random: () => number): Promise<void> {
  const directory = join(root, '.millrace');
  rmSync(directory, { recursive: true, force: true });
  const state = await openState(directory);
  const ids = grow(state, root, random);
  for (let run = 0; run < 3; run++) {
    const engine = new BuildEngine(state, { root, graceMs: 50 });
    const stop = random() < 0.3 ? AbortSignal.timeout(Math.floor(random() * 80)) : undefined;
    await engine.run({ jobs: 4, ...(stop === undefined ? {} : { signal: stop }) });
    edit(state, root, ids, random);
  }
  if (random() < 0.3) await attachAndDie(state);
  if (random() < 0.3) await state.backup();
  const stopped = new AbortController();
  const updates = state.tasks.updates({ signal: stopped.signal });
  const next = updates.next().catch(() => undefined);
  state.tasks.define({ id: 'last' });
  stopped.abort();
  await next;
  await state.close();
}

function grow(state: BuildState, root: string, random: () => number): string[] {
  const ids: string[] = [];
  const count = 5 + Math.floor(random() * 25);
  mkdirSync(join(root, 'in'), { recursive: true });
  const tasks = Array.from({ length: count }, (_, index): TaskDefinition => {
    const id = `task-${index}`;
    const dependencies = ids.filter(() => random() < 2 / count);
    ids.push(id);
    writeFileSync(join(root, 'in', String(index)), String(random()));
    const files = { inputs: [`in/${index}`], outputs: [`out-${index}`] };
    // Called by threads that claim for themselves, as nothing is to be known of its files.
    if (random() < 0.2)
      return { id, dependencies, function: { module: MODULE_NAME, input: { path: 'none' } } };
    return random() < 0.3
      ? {
          id,
          dependencies,
          ...files,
          function: { module: MODULE_NAME, input: { path: join(root, `out-${index}`) } },
        }
      : { id, dependencies, ...files, command: `cat in/${index} > out-${index}; test $(($$ % 11)) != 0` };
  });
  state.tasks.define(tasks);
  return ids;
}

function edit(state: BuildState, root: string, ids: readonly string[], random: () => number): void {
  const index = Math.floor(random() * ids.length);
  writeFileSync(join(root, 'in', String(index)), String(random()));
  if (existsSync(join(root, `out-${index}`)) && random() < 0.5) rmSync(join(root, `out-${index}`));
  state.transaction(() => {
    state.tasks.define({ id: `extra-${random()}`, dependencies: [ids[index]!] });
  });
}

/** A thread attaches, claims, and ends without a word. */
async function attachAndDie(state: BuildState): Promise<void> {
  state.tasks.define(Array.from({ length: 5 }, (_, index) => ({ id: `claimed-${index}` })));
  const url = JSON.stringify(import.meta.resolve('millrace'));
  const code = `import(${url}).then(({ attachState }) => {
    const { tasks } = attachState(require('node:worker_threads').workerData);
    tasks.claim(3);
    process.exit();
  });`;
  const worker = new Worker(code, { eval: true, workerData: state.share() });
  await new Promise((resolve) => worker.once('exit', resolve));
  await until('what the thread had claimed is Pending', () => state.tasks.counts().inProgress === 0);
}

async function held(): Promise<Held> {
  // Threads and sockets that have ended are gone some turns of the event loop later.
  for (let turn = 0; turn < 5; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const open = openFiles();
  const modules = open.filter((file) => file.endsWith(MODULE_NAME)).length;
  const resident = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  return {
    heap: heapUsed + arrayBuffers,
    resident: Number(resident![1]) * 1024,
    descriptors: open.length - modules,
    modules,
    threads: readdirSync('/proc/self/task').length,
  };
}

/**
 * How many may be lost to Node.js: a thread that is ended just as it opens a module leaves it open. Here threads are ended 50 ms after they were asked to
 * end, in a third of all runs, and not 2 s.
 */
const lostTo = (cycles: number): number => Math.ceil(cycles / 50);

function compare(baseline: Held, end: Held, cycles: number): string[] {
  const findings: string[] = [];
  if (end.modules > lostTo(cycles)) findings.push(`the module is open ${end.modules} times`);
  for (const what of ['descriptors', 'threads'] as const)
    if (end[what] > baseline[what]) findings.push(`${end[what]} ${what} are left of ${baseline[what]}`);
  for (const what of ['heap', 'resident'] as const) {
    const more = end[what] - baseline[what];
    if (more > SLACK) findings.push(`${what}: ${Math.round(more / MIB)} MiB more than in the beginning`);
  }
  return findings;
}
