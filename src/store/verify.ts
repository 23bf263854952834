import { isSystemError, StateCorrupt, StateUnavailable } from '../errors.js';
import { PAGE_BYTES } from '../memory/layout.js';
import type { Database, Key } from './database.js';
import { SCHEMA_VERSION } from './envelope.js';
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

/** What LMDB says when a table of its own is full, or the file has grown meanwhile. What the system refuses to it has numbers above 0. */
const REFUSALS = new Set([-30_785, -30_789, -30_790]);

/** Reads everything that is committed: every checksum must hold and no page may be missing. O(bytes). @throws StateUnavailable for what the system refuses, which is no damage */
export function verifyDatabase(database: Database): VerifyReport {
  return database.snapshot(() => {
    const problems: string[] = [];
    const tryTo = (check: () => void): void => {
      try {
        check();
      } catch (error) {
        if (isRefusal(error)) throw error;
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

/** True for what says nothing of the store. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof StateUnavailable)) return isSystemError(error);
  const { code } = (error.cause ?? {}) as { readonly code?: unknown };
  return typeof code !== 'number' || code > 0 || REFUSALS.has(code);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

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
