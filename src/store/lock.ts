import { existsSync, linkSync, lstatSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StateLocked } from '../errors.js';
import { readMark } from './kinds.js';
import { identifyFile } from './paths.js';
import { identityOf, isIdentity, mayBeRunning, type ProcessIdentity, placeOf } from './process.js';
import { isOfAnother, type Whose, whoseIs } from './whose.js';

/** What the lock file says. */
interface Holder extends ProcessIdentity, Partial<Whose> {
  /** When the process started, in ISO 8601. */
  readonly since: string;
  /** Tells this taking of the lock from every other one. */
  readonly id: string;
}

/** What to do if another process has the lock. */
export interface Waiting {
  /** Milliseconds to wait for it to end (default 0). */
  readonly wait?: number | undefined;
  /** Called once, with who holds it, before it is waited for. */
  readonly onWait?: ((holder: StateLocked) => void) | undefined;
}

/**
 * Called when a lock was there that nobody has given back, before it is replaced: what throws leaves it there, and who is killed is succeeded by
 * one who calls it again.
 * @param ended whom the lock names, who wrote here last; undefined if that one still runs, and has it in another directory, of which this is a copy
 */
export type OnLeft = (ended: ProcessIdentity | undefined) => void;

/** What is said while a holder is waited for, as sentences; of one that cannot be seen from here, what else to do. */
export function whileWaiting({ message, place, problem }: StateLocked): string {
  return place === undefined ? `${problem}; waiting for it to end.` : `${message} Waiting for it to end.`;
}

/** Milliseconds between two looks for whether a holder has ended. */
const RETRY_MS = 50;

/** Ids of locks that this process has given back, also of a directory that was elsewhere then: its file is still there when the directory is back. */
const givenBack = new Set<string>();

/** What may be a part of a file's name, as that of a claim. */
const ID = /^[\w-]{1,100}$/;

/** What the name of a draft ends with. */
const DRAFT_END = '.new';

/** A file is written whole, so one that says nothing was lost in a crash of the machine: its holder has ended. */
const UNREADABLE: Holder = {
  ...{ pid: process.pid, started: '', boot: 'unknown', host: hostname(), namespace: '' },
  since: new Date(0).toISOString(),
  id: 'unreadable',
};

/**
 * The lock of a state directory: one writing process, by a file that names it.
 *
 * A file appears under its name whole or not at all, because it is written under another name and linked. A lock
 * whose holder has ended is taken over by its successor, who is found without a race: who wants to succeed holder X
 * creates the file `lock.X`, which only one can, and then makes sure that `lock` still names X. Now nobody else may
 * replace `lock`, and renaming `lock.X` to `lock` does. If a successor ends in between, it is succeeded in the same
 * way, by `lock.<successor>`: the last of this chain is who holds, or is about to hold, the lock.
 *
 * A lock that is still there after its process has ended is also the mark of an unclean end. So is one in a copy of the directory, which may have been made
 * in the midst of a commit: who it names writes elsewhere.
 * Why no library: those that carry binaries lock by age and heartbeat (a stalled process loses its lock), and Node
 * itself has no flock.
 */
export class DirectoryLock {
  private readonly path: string;
  private readonly own: Holder;
  /** The number of the file that says so. */
  private file: string | undefined;

  private constructor(path: string, own: Holder) {
    this.path = path;
    this.own = own;
  }

  /** @throws StateLocked with the holder's pid; what `onLeft` throws */
  static acquire(path: string, directory: string, onLeft: OnLeft): DirectoryLock {
    const own: Holder = {
      ...identityOf(process.pid),
      ...whoseIs(dirname(path)),
      since: new Date(performance.timeOrigin).toISOString(),
      id: newId(),
    };
    const draft = `${path}.${own.id}${DRAFT_END}`;
    try {
      for (;;) {
        writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
        if (!takeLock(path, draft, directory, onLeft)) continue;
        const lock = new DirectoryLock(path, own);
        lock.settle();
        return lock;
      }
    } catch (error) {
      // Nobody has this one: should the system have refused to remove a claim of it, this process at least does not wait for itself.
      if (!(error instanceof StateLocked)) givenBack.add(own.id);
      throw error;
    } finally {
      discard(draft);
    }
  }

  /** Removes what processes have left that were killed while they took it. @throws what `node:fs` throws; then it is given back */
  private settle(): void {
    try {
      this.file = identifyFile(this.path);
      sweep(this.path);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** As `acquire`, but waits for the holder to end. @throws StateLocked if it takes too long */
  static async acquireWithin(
    { wait = 0, onWait }: Waiting,
    path: string,
    directory: string,
    onLeft: OnLeft,
  ): Promise<DirectoryLock> {
    const deadline = performance.now() + wait;
    let hasTold = false;
    for (;;) {
      try {
        return DirectoryLock.acquire(path, directory, onLeft);
      } catch (error) {
        if (!(error instanceof StateLocked) || performance.now() >= deadline) throw error;
        if (!hasTold) onWait?.(error);
        hasTold = true;
      }
      await delay(Math.min(RETRY_MS, Math.max(0, deadline - performance.now())));
    }
  }

  /** True if the file still says that we hold the lock. */
  isHeld(): boolean {
    return readHolder(this.path)?.id === this.own.id;
  }

  release(): void {
    givenBack.add(this.own.id);
    if (!this.isOurs()) return;
    try {
      rmSync(this.path, { force: true });
    } catch {
      // Once more, as it keeps all others out for as long as this process lives.
      rmSync(this.path, { force: true });
    }
  }

  /** As `isHeld`; of a file that cannot be opened (no more may be) its number tells: if it stayed, it would keep others out for as long as we live. */
  private isOurs(): boolean {
    try {
      return this.isHeld();
    } catch (error) {
      if (identifyFile(this.path) !== this.file) throw error;
      return true;
    }
  }
}

/** True while a living process holds a lock, or is about to. @throws StateUnavailable for what is no file; what `node:fs` throws */
export function isHeld(path: string): boolean {
  const holder = lastOf(holders(path));
  return holder !== undefined && mayHold(holder, path);
}

/** True while a lock names who has ended without giving it back, be it that another one is about to succeed that one. @throws as `isHeld` */
export function isLeft(path: string): boolean {
  const holder = readHolder(path);
  return holder !== undefined && !mayHold(holder, path);
}

/** False if it has surely ended, or what it wrote this for is another directory. @param draft as of `isOfAnother` */
function mayHold(holder: Holder, path: string, draft?: string): boolean {
  return !givenBack.has(holder.id) && mayBeRunning(holder) && !isOfAnother(holder, dirname(path), draft);
}

/** @returns false if somebody removed the draft, who could not read it yet */
function takeLock(path: string, draft: string, directory: string, onLeft: OnLeft): boolean {
  while (existsSync(draft)) {
    if (tryLink(draft, path)) return true;
    const chain = holders(path);
    const last = lastOf(chain);
    if (last === undefined) continue;
    if (mayHold(last, path, basename(draft)))
      throw new StateLocked(directory, last.pid, new Date(last.since), placeOf(last));
    const claim = successorPath(path, chain);
    if (tryLink(draft, claim) && succeed(path, claim, chain, onLeft)) return true;
  }
  return false;
}

/**
 * With the claim made, which is gone then, however this ends: it names a living process, for which all others wait.
 * @returns false if somebody has succeeded this holder before
 */
function succeed(path: string, claim: string, chain: readonly Holder[], onLeft: OnLeft): boolean {
  try {
    // Only now: whoever succeeded this holder before has put another name into the lock.
    if (!sameHolders(chain, holders(path).slice(0, chain.length))) return false;
    // Those after the first have only claimed the lock: they have written nothing, and need not have told of the first.
    const [holder] = chain as [Holder, ...Holder[]];
    // The lock of who has ended says that it did so uncleanly, until something else does: that comes first.
    onLeft(mayBeRunning(holder) ? undefined : holder);
    renameSync(claim, path);
  } finally {
    discard(claim);
  }
  for (let count = 1; count < chain.length; count++) discard(successorPath(path, chain.slice(0, count)));
  return true;
}

/** Removes a draft, or a claim. What the system refuses is no reason to fail: who sweeps next removes it. */
function discard(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {}
}

/** Removes drafts and claims of processes that were killed before they could do so. The caller holds the lock. */
function sweep(path: string): void {
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path)).filter((name) => name.startsWith(prefix))) {
    const file = join(dirname(path), name);
    // Somebody else's, for what is ours is a file.
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
    const holder = readHolder(file);
    // An unreadable draft may be one that a living process is writing: that one notices, and writes it again.
    const isDead = holder !== undefined && holder !== UNREADABLE && !mayHold(holder, path);
    if (isDead || (holder === UNREADABLE && name.endsWith(DRAFT_END))) discard(file);
  }
}

/** Who the lock names, and the successors, oldest first. @throws StateUnavailable for what is no file */
function holders(path: string): Holder[] {
  const chain: Holder[] = [];
  for (let file = path; ; file = successorPath(path, chain)) {
    const holder = readHolder(file);
    if (holder === undefined) return chain;
    chain.push(holder);
  }
}

function sameHolders(before: readonly Holder[], now: readonly Holder[]): boolean {
  return before.length === now.length && before.every(({ id }, index) => id === now[index]!.id);
}

/** By the clock in nanoseconds and at random: it need not be hard to guess. */
function newId(): string {
  return `${process.pid}-${process.hrtime.bigint()}-${Math.random().toString(36).slice(2)}`;
}

/**
 * The claim of who succeeds the last of a chain. Those that a crash has emptied all have one id: each is told from the ones before it, or a claim would be
 * its own successor, without end.
 */
function successorPath(path: string, chain: readonly Holder[]): string {
  const { id } = lastOf(chain)!;
  const times = chain.filter((holder) => holder.id === id).length;
  return `${path}.${id}${'~'.repeat(times - 1)}`;
}

const lastOf = <T>(list: readonly T[]): T | undefined => list[list.length - 1];

function readHolder(path: string): Holder | undefined {
  try {
    const said: unknown = JSON.parse(readMark(path));
    return isHolder(said) ? said : UNREADABLE;
  } catch (error) {
    if (error instanceof SyntaxError) return UNREADABLE;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** True for what `acquire` writes: whoever wrote something else holds nothing. */
function isHolder(said: unknown): said is Holder {
  if (!isIdentity(said)) return false;
  const { id, since } = said as Partial<Holder>;
  return (
    typeof id === 'string' && ID.test(id) && typeof since === 'string' && !Number.isNaN(Date.parse(since))
  );
}

/** False if there is such a file already, or the draft is gone. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  }
}
