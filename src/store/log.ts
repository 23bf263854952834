import { existsSync, lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type * as RotatingFileStream from 'rotating-file-stream';
import { isInTheWay, makeFolder, PRIVATE } from '../make-folder.js';
import { freeAside } from './backup/folder.js';
import { move } from './move.js';
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
  | 'unshared'
  | 'writer-failed';

const FILE = 'millrace.log';
const MAX_SIZE = '1M';
/** How many older ones are kept. */
const OLDER = 5;
/** The newest, and then the older ones. */
const FILES = [FILE, ...Array.from({ length: OLDER }, (_, index) => `${FILE}.${index + 1}`)];

/** Ends when nothing is being written to any log: of two writes that move full files on at once, one could move a file onto another. */
let idle: Promise<unknown> = Promise.resolve();

/** What lay in the place of something of ours. */
export interface Moved {
  /** Where it was: absolute. */
  readonly path: string;
  /** Where it is. */
  readonly movedAside: string;
}

/** The log of a state: a line of JSON each, in `log/millrace.log` and, when that has 1 MB, in `millrace.log.1` to `.5` beside it. */
export class Log {
  readonly #folder: string;

  constructor({ log }: StatePaths) {
    this.#folder = log;
  }

  /** Whether something was ever logged. */
  get isThere(): boolean {
    return existsSync(join(this.#folder, FILE));
  }

  /**
   * Moves aside what lies in the place of the log and cannot be one: a pipe would never end, and behind a link is a file of somebody else's. A link to
   * a folder is one. For who logs it then. @throws what `node:fs` throws
   */
  clear(now = new Date()): Moved[] {
    return this.strangers().map((path) => {
      const movedAside = freeAside(path, now);
      move(path, movedAside);
      return { path, movedAside };
    });
  }

  private strangers(): string[] {
    const folder = this.#folder;
    if (isInTheWay(folder)) return [folder];
    return FILES.map((name) => join(folder, name)).filter(
      (path) => lstatSync(path, { throwIfNoEntry: false })?.isFile() === false,
    );
  }

  /** A log that cannot be written is no reason to stop. */
  async write(event: LogEvent, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const written = idle.then(() => this.writeNow(event, fields));
    idle = written;
    await written;
  }

  private async writeNow(event: LogEvent, fields: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      // What somebody has deleted does not come back for this.
      if (!existsSync(dirname(this.#folder))) return;
      const moved = this.clear().map((one) => lineOf('moved-aside', one));
      makeFolder(this.#folder, PRIVATE);
      await append(this.#folder, [...moved, lineOf(event, fields)].join(''));
    } catch {}
  }
}

function lineOf(event: LogEvent, fields: object): string {
  const line = JSON.stringify({ time: new Date().toISOString(), pid: process.pid, event, ...fields });
  return `${line}\n`;
}

async function append(folder: string, line: string): Promise<void> {
  // Loaded here, because hardly any opening needs it.
  const { createStream }: typeof RotatingFileStream = await import('rotating-file-stream');
  // Not `maxFiles`: that removes what a file says, by absolute paths, which are another state's if this one was copied.
  const options = { path: folder, size: MAX_SIZE, rotate: OLDER, mode: 0o600 } as const;
  const stream = createStream(FILE, options);
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.end(line, () => resolve());
  });
}
