import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createArtifacts, FileScanner, FileThreads } from '../../src/artifacts/index.js';
import { type BenchRow, type BenchSuite, loopDelay, median, timed } from '../suite.js';

const MANY = 100_000;
const MANY_BYTES = 4 << 10;
const FOLDERS = 500;
const LARGE = 8;
const LARGE_BYTES = 256 << 20;
const ROUNDS = 5;

const delay = loopDelay();

/** Digests of files in the page cache, in turn with `sha256sum`. */
export const suite: BenchSuite = {
  name: 'hash',
  run: async () => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    const before = process.cwd();
    try {
      process.chdir(root);
      return [
        await many(),
        await large(),
        {
          what: 'the event loop meanwhile: delay, 99th percentile',
          value: delay.p99(),
          unit: 'ms',
          target: { atMost: 20 },
        },
      ];
    } finally {
      process.chdir(before);
      rmSync(root, { recursive: true });
    }
  },
};

async function many(): Promise<BenchRow> {
  const paths = Array.from({ length: MANY }, (_, index) => `d${index % FOLDERS}/${index}`);
  for (let folder = 0; folder < FOLDERS; folder++) mkdirSync(`d${folder}`);
  const bytes = Buffer.alloc(MANY_BYTES, 'bytes of a source file ');
  paths.forEach((path, index) => {
    bytes.writeUInt32LE(index);
    writeFileSync(path, bytes);
  });
  writeFileSync('list', paths.join('\0'));
  const peer = ['sh', '-c', 'xargs -0 -P2 -n 500 sha256sum < list > sums'];
  return await compare('hash 100,000 files of 4 KiB', paths, peer, 'xargs -P2 -n 500 sha256sum', 0.9);
}

async function large(): Promise<BenchRow> {
  const paths = Array.from({ length: LARGE }, (_, index) => `large-${index}`);
  const block = Buffer.alloc(2 ** 20, 'bytes of a large file ');
  for (const [index, path] of paths.entries()) {
    block.writeUInt32LE(index);
    const file = openSync(path, 'w');
    for (let at = 0; at < LARGE_BYTES; at += block.length) writeSync(file, block);
    closeSync(file);
  }
  const peer = ['sh', '-c', `sha256sum ${paths.join(' ')} > sums`];
  return await compare('hash 8 files of 256 MiB', paths, peer, 'sha256sum, one process', 0.55);
}

async function compare(
  what: string,
  paths: readonly string[],
  peer: readonly string[],
  peerName: string,
  atMost: number,
): Promise<BenchRow> {
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    const ours = await hashAll(paths);
    const theirs = await timed(() => void execFileSync(peer[0]!, peer.slice(1)));
    checkSums(paths.length);
    // The first round warms up the page cache.
    if (round === 0) continue;
    times.ours.push(ours);
    times.peer.push(theirs);
  }
  const [value, peerValue] = [median(times.ours), median(times.peer)];
  return {
    what,
    value,
    unit: 'ms',
    target: { atMost: atMost * peerValue },
    peer: { name: peerName, value: peerValue },
    ratio: value / peerValue,
  };
}

/** Threads are started for it, as in a run. */
async function hashAll(paths: readonly string[]): Promise<number> {
  const { contents, files } = createArtifacts();
  const rows = Int32Array.from(paths, (path) => files.intern(path));
  const threads = new FileThreads();
  const scanner = new FileScanner(files, contents, { root: '', threads });
  const time = await timed(() => delay.during(() => scanner.scan(rows)));
  await threads.close();
  const last = rows.at(-1)!;
  const digest = Buffer.from(contents.digestOf(files.content(last))!).toString('hex');
  if (digest !== hash('sha256', readFileSync(paths.at(-1)!))) throw new Error('A digest is wrong.');
  return time;
}

function checkSums(count: number): void {
  const lines = readFileSync('sums', 'latin1').trimEnd().split('\n');
  if (lines.length !== count) throw new Error(`${lines.length} of ${count} files were hashed.`);
}
