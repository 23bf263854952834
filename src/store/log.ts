import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type * as RotatingFileStream from 'rotating-file-stream';
import { makeFolder, PRIVATE } from '../make-folder.js';
import type { StatePaths } from './paths.js';

/** What is worth a line: seldom, and for those who ask later what has happened. */
export type LogEvent =
  | 'recovered'
  | 'backup'
  | 'backup-failed'
  | 'restored'
  | 'exported'
  | 'imported'
  | 'migrated'
  | 'damage'
  | 'moved-aside'
  | 'writer-failed';

const FILE = 'millrace.log';
const MAX_SIZE = '1M';
const MAX_FILES = 5;

/** The log of a state: a line of JSON each, in `log/millrace.log` and, when that has 1 MB, under numbers beside it. */
export class Log {
  readonly #folder: string;

  constructor({ log }: StatePaths) {
    this.#folder = log;
  }

  /** A log that cannot be written is no reason to stop. */
  async write(event: LogEvent, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const line = JSON.stringify({ time: new Date().toISOString(), pid: process.pid, event, ...fields });
    try {
      // What somebody has deleted does not come back for this.
      if (!existsSync(dirname(this.#folder))) return;
      makeFolder(this.#folder, PRIVATE);
      await append(this.#folder, `${line}\n`);
    } catch {}
  }
}

async function append(folder: string, line: string): Promise<void> {
  // Loaded here, because hardly any opening needs it.
  const { createStream }: typeof RotatingFileStream = await import('rotating-file-stream');
  const options = { path: folder, size: MAX_SIZE, maxFiles: MAX_FILES, mode: 0o600 } as const;
  const stream = createStream(FILE, options);
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.end(line, () => resolve());
  });
}
