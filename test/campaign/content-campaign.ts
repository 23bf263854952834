import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BlobStore } from '../../src/artifacts/cache/blobs.js';
import { decodeEntry } from '../../src/artifacts/cache/decode-entry.js';
import { randomFrom } from '../engine/lane-support.js';
import { wrongTree } from './content-tree.js';

const PROCESS = fileURLToPath(new URL('content-process.js', import.meta.url));

export interface ContentResult {
  readonly kept: number;
  readonly restored: number;
  readonly collected: number;
  readonly kills: number;
  /** What was wrong: sentences. */
  readonly findings: readonly string[];
}

/**
 * So many processes store, restore and collect at once in one content store. A part of them is killed at random moments, and
 * replaced. At the end every file in the store must be whole.
 */
export async function shareContent(options: {
  readonly folder: string;
  readonly processes: number;
  readonly milliseconds: number;
  readonly seed: number;
}): Promise<ContentResult> {
  const { folder, milliseconds, processes, seed } = options;
  const random = randomFrom(seed);
  const totals = { kept: 0, restored: 0, collected: 0, kills: 0 };
  const findings: string[] = [];
  mkdirSync(join(folder, 'content'), { recursive: true });
  const end = performance.now() + milliseconds;
  const place = async (number: number): Promise<void> => {
    for (let life = 0; performance.now() < end; life++) {
      const left = Math.max(100, end - performance.now());
      const child = spawn(process.execPath, [PROCESS, folder, `${left}`, `${seed + number * 1000 + life}`]);
      const output: Buffer[] = [];
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => output.push(chunk));
      // Every second one lives to the end.
      const killer =
        number % 2 === 0 ? delay(150 + random() * 500).then(() => child.kill('SIGKILL')) : undefined;
      const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
        child.once('close', (code, signal) => resolve([code, signal])),
      );
      await killer;
      const text = Buffer.concat(output).toString();
      if (signal === 'SIGKILL') {
        totals.kills++;
        const wrong = wrongTree(join(folder, `root-${child.pid}`));
        if (wrong !== undefined) findings.push(wrong);
      } else if (code !== 0) findings.push(text);
      else add(totals, JSON.parse(text) as Record<string, number>);
    }
  };
  await Promise.all(Array.from({ length: processes }, (_, number) => place(number)));
  findings.push(...wrongFiles(join(folder, 'content')));
  return { ...totals, findings };
}

function add(totals: Record<string, number>, counts: Record<string, number>): void {
  for (const [name, count] of Object.entries(counts)) totals[name]! += count;
}

function wrongFiles(content: string): string[] {
  // Sweeps what the killed ones left.
  const { temporary } = BlobStore.open(content);
  const files = readdirSync(content, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return files.filter((path) => !isWhole(path, temporary)).map((path) => `${path} is not whole`);
}

function isWhole(path: string, temporary: string): boolean {
  if (path.startsWith(temporary)) return false;
  const bytes = readFileSync(path);
  const kind = basename(dirname(dirname(path)));
  const key = basename(dirname(path)) + basename(path);
  return kind === 'actions' ? decodeEntry(key, bytes) !== undefined : hash('sha256', bytes) === key;
}
