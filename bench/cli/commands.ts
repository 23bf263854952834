import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openState } from 'millrace';
import type { Attempt, Trace } from '../../src/store/history/history.js';
import { GrowingSegment, Segment, type StoredSegment } from '../../src/store/history/segment.js';
import type { BenchRow, BenchSuite } from '../suite.js';
import { type Contestant, inTurn, MILLRACE, NINJA, runOnce } from './process.js';

const COMMANDS = 2000;
const EDGES = 100_000;
const EDGES_PER_FOLDER = 1000;
const WITHOUT_FINGERPRINTS = 'state-without-fingerprints';
const COUNT = new Intl.NumberFormat('en-US');

/** The command line as a whole process, beside ninja on the same build.ninja. */
export const suite: BenchSuite = {
  name: 'cli',
  async run() {
    const root = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    try {
      return [throughput(root), ...(await largeFresh(root)), smallFresh(root)];
    } finally {
      rmSync(root, { recursive: true });
    }
  },
};

/** Commands whose outputs never come into being: both run all of them each time. */
function throughput(root: string): BenchRow {
  const edges = Array.from({ length: COMMANDS }, (_, index) => `build o${index}: run\n`);
  const manifest = `rule run\n  command = /bin/true\n${edges.join('')}`;
  const ninja = project(root, 'throughput-ninja', manifest);
  const millrace = project(root, 'throughput-millrace', manifest);
  const [ours, theirs] = inTurn(
    [
      { command: [...MILLRACE, 'run', '-j2'], cwd: millrace, expect: /2,000 ran in/ },
      { command: [...NINJA, '-j2'], cwd: ninja, expect: /\[2000\/2000\]/ },
    ],
    5,
  );
  return {
    what: `${COUNT.format(COMMANDS)} x /bin/true, -j2, whole process`,
    value: ours!,
    unit: 'ms',
    peer: { name: 'ninja', value: theirs! },
    ...against(ours!, theirs!, 0.9),
  };
}

/** All is built, nothing changed: what it takes to see that, and to explain one task. */
async function largeFresh(root: string): Promise<BenchRow[]> {
  const manifest = `rule make\n  command = echo made > $out\n${largeGraph()}`;
  const ninja = project(root, 'no-op-ninja', manifest);
  const millrace = project(root, 'no-op-millrace', manifest);
  for (const folder of [ninja, millrace]) writeSources(folder);
  // Without its output, which is a line for each of 100,000 tasks.
  runOnce({ command: [...NINJA, '--quiet', '-j2'], cwd: ninja, expect: /^/ });
  // To keep 100,000 executions takes longer than all that is measured, and matters for nothing of it.
  runOnce({ command: [...MILLRACE, 'run', '-j2', '--no-cache'], cwd: millrace, expect: /100,000 ran in/ });
  cpSync(join(millrace, '.millrace'), join(millrace, WITHOUT_FINGERPRINTS), { recursive: true });
  await forgetFingerprints(join(millrace, WITHOUT_FINGERPRINTS));
  const noOp = { command: [...MILLRACE, 'run', '-j2'], cwd: millrace, expect: /all 100,000 tasks are fresh/ };
  const [ours, theirs, without] = inTurn(
    [
      noOp,
      { command: [...NINJA, '-j2'], cwd: ninja, expect: /no work to do/ },
      { ...noOp, command: [...noOp.command, '--state', WITHOUT_FINGERPRINTS] },
    ],
    9,
  );
  return [
    {
      what: `no-op, build.ninja of ${COUNT.format(EDGES)} edges, ${COUNT.format(2 * EDGES)} files`,
      value: ours!,
      unit: 'ms',
      peer: { name: 'ninja', value: theirs! },
      ...against(ours!, theirs!, 1),
    },
    {
      what: 'the same, beside a state that has kept nothing of what its tasks saw',
      value: ours!,
      unit: 'ms',
      peer: { name: 'without', value: without! },
      ...against(ours!, without!, 1.03),
    },
    why(millrace),
  ];
}

/** Leaves of every attempt in a state what a build without `why` would have kept. */
async function forgetFingerprints(directory: string): Promise<void> {
  await using state = await openState(directory);
  const { records } = state.opened.store;
  for (const key of records.keys(['attempts'])) {
    const bare = new GrowingSegment<Attempt>();
    for (const attempt of new Segment<Attempt & Trace>(records.get(key) as StoredSegment).all()) {
      const { definition: _definition, saw: _saw, was: _was, ...rest } = attempt;
      bare.items.push(rest);
    }
    records.put(key, bare.stored());
  }
}

function why(folder: string): BenchRow {
  const index = EDGES / 2;
  const task = `d${Math.floor(index / EDGES_PER_FOLDER)}/o${index}`;
  const [ours, bare] = inTurn(
    [
      {
        command: [...MILLRACE, 'why', task],
        cwd: folder,
        expect: /last run: \d+, .*fresh\n.*next run: fresh/,
      },
      { command: [process.execPath, '-e', '0'], cwd: folder, expect: /^/ },
    ],
    9,
  );
  return {
    what: 'why a task of that graph did not run, whole process',
    value: ours!,
    unit: 'ms',
    target: { atMost: 150 },
    peer: { name: 'node -e 0', value: bare! },
  };
}

/** What a user waits for who has nothing to do, beyond the start of Node.js itself. */
function smallFresh(root: string): BenchRow {
  const edges = Array.from({ length: 10 }, (_, index) => `build o${index}: make s${index}\n`);
  const folder = project(root, 'small', `rule make\n  command = echo made > $out\n${edges.join('')}`);
  for (let index = 0; index < edges.length; index++) writeFileSync(join(folder, `s${index}`), '');
  runOnce({ command: [...MILLRACE], cwd: folder, expect: /10 ran/ });
  const node: Contestant = { command: [process.execPath, '-e', '0'], cwd: folder, expect: /^/ };
  const [ours, bare] = inTurn(
    [{ command: MILLRACE, cwd: folder, expect: /all 10 tasks are fresh/ }, node],
    15,
  );
  return {
    what: 'run of 10 fresh tasks, beyond the start of node',
    value: ours! - bare!,
    unit: 'ms',
    target: { atMost: 60 },
    peer: { name: 'node -e 0', value: bare! },
  };
}

function against(ours: number, theirs: number, most: number): Pick<BenchRow, 'target' | 'ratio'> {
  return { ratio: ours / theirs, target: { atMost: theirs * most } };
}

function project(root: string, name: string, manifest: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'build.ninja'), manifest);
  return folder;
}

function largeGraph(): string {
  const lines: string[] = [];
  for (let index = 0; index < EDGES; index++) {
    const folder = Math.floor(index / EDGES_PER_FOLDER);
    lines.push(`build d${folder}/o${index}: make d${folder}/s${index}\n`);
  }
  return lines.join('');
}

function writeSources(root: string): void {
  for (let index = 0; index < EDGES; index++) {
    const folder = join(root, `d${Math.floor(index / EDGES_PER_FOLDER)}`);
    if (index % EDGES_PER_FOLDER === 0) mkdirSync(folder);
    writeFileSync(join(folder, `s${index}`), `${index}\n`);
  }
}
