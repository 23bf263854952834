import { fileURLToPath } from 'node:url';
import { StateCorrupt } from '../errors.js';
import { PAGE_BYTES } from '../memory/layout.js';
import type { Database, Key } from './database.js';
import { SCHEMA_VERSION } from './envelope.js';
import type { StatePaths } from './paths.js';
import { Records } from './records.js';
import { CONTROL, type StoredControl } from './store.js';

/** What a look at everything that is stored has shown. */
export interface VerifyReport {
  /** True if there are no problems. */
  readonly ok: boolean;
  /** One sentence each. */
  readonly problems: readonly string[];
  /** Pages of 16 KiB that were read. */
  readonly pages: number;
  /** All else that was read: runs, attempts and other small values. */
  readonly records: number;
}

/** Milliseconds that a child may take to verify a store: many times what a large one needs. */
const CHILD_TIMEOUT = 300_000;

/** Reads everything that is committed: every checksum must hold and no page may be missing. O(bytes). */
export function verifyDatabase(database: Database): VerifyReport {
  return database.snapshot(() => {
    const problems: string[] = [];
    const tryTo = (check: () => void): void => {
      try {
        check();
      } catch (error) {
        problems.push(error instanceof StateCorrupt ? `${capital(error.problem)}.` : messageOf(error));
      }
    };
    let keys: Key[] = [];
    tryTo(() => {
      keys = database.keys([]);
    });
    for (const key of keys) tryTo(() => database.get(key));
    const isOurs = database.schema === SCHEMA_VERSION;
    if (isOurs) tryTo(() => problems.push(...missingPages(new Records(database).get(CONTROL), keys)));
    const pages = keys.filter(([kind]) => kind === 'page').length;
    return { ok: problems.length === 0, problems, pages, records: keys.length - pages };
  });
}

/**
 * Verifies a store in a process of its own, because LMDB may crash on a damaged one.
 * @returns what is wrong, or undefined
 */
export async function verifyInChild(paths: StatePaths): Promise<string | undefined> {
  // Loaded here, because hardly any opening needs it.
  const { execFile } = await import('node:child_process');
  const script = fileURLToPath(new URL('../../src/store/verify-process.js', import.meta.url));
  return new Promise((resolve) => {
    const options = { timeout: CHILD_TIMEOUT, env: { ...process.env, NODE_OPTIONS: '' } };
    execFile(process.execPath, [script, paths.directory], options, (error, stdout) => {
      if (error === null) resolve(undefined);
      else if (error.signal) resolve(`reading it ended a process with ${error.signal}`);
      else resolve(asClause(stdout) || `reading it failed: ${error.message}`);
    });
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Sentences, to stand in parentheses. */
const asClause = (text: string): string =>
  text
    .trim()
    .replace(/\.$/, '')
    .replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());

/** What must be there, and is not. @param control what is stored under `CONTROL` */
export function missingPages(control: unknown, keys: readonly Key[]): string[] {
  const stored = control as StoredControl<unknown> | undefined;
  if (stored === undefined) return keys.length === 0 ? [] : ['The control record is missing.'];
  const present = new Set(keys.map((key) => key.join('/')));
  const missing: string[] = [];
  for (const [region, used] of Object.entries(stored.sizes)) {
    for (let page = 0; page * PAGE_BYTES < used; page++) {
      if (!present.has(`page/${region}/${page}`)) missing.push(`Page ${page} of ${region} is missing.`);
    }
  }
  return missing;
}
