import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Digest } from '../../src/artifacts/cache/blobs.js';
import { encodeEntry } from '../../src/artifacts/cache/entry.js';
import { storedPath } from '../../src/artifacts/cache/stored-files.js';
import { sha256Hex } from '../../src/sha256.js';
import type { BenchRow, BenchSuite } from '../suite.js';

const ENTRIES = 100_000;
const BLOBS = 10;
const GARBAGE = 1000;
const PROCESS = fileURLToPath(new URL('./collect-process.js', import.meta.url));
/** A million files take minutes to make on a disk. */
const MEMORY_DISK = '/dev/shm';

/** A content store of 100,000 entries with ten blobs each. */
export const suite: BenchSuite = {
  name: 'collect',
  run: async () => {
    const folder = mkdtempSync(join(existsSync(MEMORY_DISK) ? MEMORY_DISK : tmpdir(), 'millrace-bench-'));
    try {
      fill(join(folder, 'content'));
      return collect(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function collect(folder: string): BenchRow[] {
  const { megabytes, milliseconds, report } = JSON.parse(
    execFileSync(process.execPath, [PROCESS, folder], { encoding: 'utf8' }),
  );
  if (report.blobs !== ENTRIES * BLOBS + GARBAGE || report.removedBlobs !== GARBAGE) {
    throw new Error(`Something else was collected: ${JSON.stringify(report)}.`);
  }
  return [
    {
      what: 'gc over 1 M blobs of 100,000 entries',
      value: milliseconds,
      unit: 'ms',
      target: { atMost: 5000 },
    },
    {
      what: 'resident memory of that process, at most',
      value: megabytes,
      unit: 'MB',
      target: { atMost: 200 },
    },
  ];
}

function fill(content: string): void {
  for (const kind of ['actions', 'blobs']) {
    for (let byte = 0; byte < 256; byte++) {
      mkdirSync(join(content, kind, byte.toString(16).padStart(2, '0')), { recursive: true });
    }
  }
  for (let entry = 0; entry < ENTRIES; entry++) {
    const files = Array.from({ length: BLOBS }, (_, at) => {
      const digest = sha256Hex(`${entry}/${at}`) as Digest;
      writeFileSync(storedPath(content, 'blobs', digest), '');
      return { path: `out/${entry}/file-${at}.js`, digest, size: 4096, executable: false };
    });
    const rest = { links: [], folders: [], log: null, duration: 12 };
    const origin = { run: 1, host: 'bench', version: '0.1.0', time: Date.now() };
    const key = sha256Hex(`entry ${entry}`);
    const bytes = encodeEntry(key, { task: `package-${entry}#build`, files, ...rest, origin });
    writeFileSync(storedPath(content, 'actions', key), bytes);
  }
  const paths = Array.from({ length: GARBAGE }, (_, at) =>
    storedPath(content, 'blobs', sha256Hex(`garbage ${at}`)),
  );
  for (const path of paths) writeFileSync(path, '');
  execFileSync('touch', ['-d', '2 days ago', ...paths]);
}
