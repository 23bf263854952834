import { setTimeout } from 'node:timers/promises';
import { StateUnavailable } from '../errors.js';
import { DEATH, WAITING } from '../memory/feed.js';
import {
  attemptOf,
  epochOf,
  isVacant,
  NO_REF,
  outcomeOf,
  statusOf,
  VACANT_BIT,
  VERSIONS,
} from '../memory/layout.js';
import { SUBSCRIPTION } from '../memory/parking.js';
import type { TaskTable } from '../memory/table.js';
import { OUTCOMES, type Outcome, type Row, type TaskId, type TaskStatus } from '../task.js';
import { type TaskSnapshot, takeSnapshot } from './snapshot.js';

/** A task's status, or what is said with it, is another one; or the task has come or gone. */
export interface TaskUpdate {
  /** Tells it from a gap. */
  readonly type: 'update';
  /** Counts the events of a subscription, from 1 on. */
  readonly sequence: number;
  /** Its id. */
  readonly task: TaskId;
  /** Its row; of a task that was removed, the one that it had. */
  readonly row: Row;
  /** The status before. Undefined: there was no such task. */
  readonly from: TaskStatus | undefined;
  /** The status now. Undefined: it was removed. */
  readonly to: TaskStatus | undefined;
  /** Why it has this status. */
  readonly outcome: Outcome;
  /** Attempts since the task was last defined or reset, at most 127. */
  readonly attempt: number;
}

/** The listener was so late that changes were lost, or a thread has died before it told of one: how all stands by now. */
export interface TaskGap {
  /** Tells it from an update. */
  readonly type: 'gap';
  /** Counts the events of a subscription, from 1 on. */
  readonly sequence: number;
  /** Changes of any task that nobody was told of: at most so many, and those that a thread that has died did not tell of. */
  readonly missed: number;
  /** Of all tasks, whatever the filter: counts and statuses. */
  readonly snapshot: TaskSnapshot;
}

/** What a subscription tells. */
export type TaskEvent = TaskUpdate | TaskGap;

/** Which updates are told. Gaps always are. */
export type UpdateFilter = (id: TaskId, to: TaskStatus | undefined) => boolean;

/** How long a change is waited for that must have come before another one. Milliseconds. */
const PATIENCE_MS = 2;
/** How often for one that its thread is about to put into the feed. */
const PATIENCE = 50;

interface Word {
  readonly word: number;
  readonly name: number;
}

/**
 * The changes of tasks from now on, as one reader of the feed.
 *
 * Threads that change one task one after the other may put that into the feed in the other order. The version in the status word tells: what
 * comes too early is held back until what comes before it has, or for a short while if that was never put there. What a thread has
 * changed that died before it told is found by a look at all status words, once its death is in the feed.
 */
export class Subscription {
  private readonly table: TaskTable;
  private readonly accepts: UpdateFilter;
  private ticket = 0;
  private sequence = 0;
  /** Row → the status word that was told last. */
  private told: Int32Array = new Int32Array(0);
  /** Rows → what came too early, by version. */
  private readonly held = new Map<number, Word[]>();
  /** Rows whose held words are to be told, whatever has not come. */
  private overdue: number[] = [];
  private patience = PATIENCE;
  /** What must have been told when the feed was read up to `end`; since a thread has died. */
  private check: { readonly end: number; readonly words: Int32Array } | undefined;
  private isOpen = true;

  /** O(tasks). Until `close`, changes cost all threads some 50 ns more. */
  constructor(table: TaskTable, accepts: UpdateFilter) {
    this.table = table;
    this.accepts = accepts;
    table.changes.still(() => {
      table.parking.count(SUBSCRIPTION);
      this.catchUp();
    });
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.table.parking.count(-SUBSCRIPTION);
  }

  /** @throws the reason of the signal, StateUnavailable when the state is closed or the thread has left it */
  async *events(signal: AbortSignal | undefined, keepsAlive: boolean): AsyncGenerator<TaskEvent, void> {
    try {
      while (this.isOpen) {
        signal?.throwIfAborted();
        const event = this.next();
        if (event === 'late') await setTimeout(PATIENCE_MS, undefined, { ref: keepsAlive });
        else if (event === undefined) await this.wait(signal, keepsAlive);
        else yield event;
      }
    } catch (error) {
      // What has happened before the end is told, too.
      if (error instanceof StateUnavailable) yield* this.rest();
      throw error;
    } finally {
      this.close();
    }
  }

  private *rest(): Generator<TaskEvent, void> {
    for (let event = this.next(); event !== undefined; event = this.next()) if (event !== 'late') yield event;
  }

  /** The next event; undefined if there is none yet, `late` if one is about to come. */
  private next(): TaskEvent | 'late' | undefined {
    for (;;) {
      if (this.isUntold()) return this.tellGap();
      const change = this.table.feed.read(this.ticket);
      if (change === 'lost') return this.tellGap();
      if (change === 'none') {
        const held = this.releaseHeld();
        if (held !== 'nothing to tell') return held;
        continue;
      }
      this.skip();
      if (change.row === DEATH) {
        this.beginCheck();
        continue;
      }
      const update = this.take(change.row, change);
      if (update !== undefined) return update;
    }
  }

  /** By now all living threads have told of what they have changed. O(tasks). */
  private beginCheck(): void {
    const { feed, threads } = this.table;
    this.check = threads.alone(() => ({ end: feed.end, words: this.table.statusWords() }));
  }

  /** True if there is a change that nobody will tell of. O(tasks), once after a death. */
  private isUntold(): boolean {
    if (this.check === undefined || ((this.ticket - this.check.end) | 0) < 0) return false;
    const { words } = this.check;
    this.check = undefined;
    return words.some((word, row) => this.versionsAhead(row, word) !== 0);
  }

  private skip(): void {
    this.ticket = (this.ticket + 1) | 0;
    this.patience = PATIENCE;
  }

  private take(row: number, { name, word }: Word): TaskUpdate | undefined {
    const ahead = this.versionsAhead(row, word);
    // It was told already: by a snapshot, or after patience was over.
    if (ahead === 0 || ahead > VERSIONS / 2) return undefined;
    // Who vacates rows or takes back is alone: all that was to be told of them before has been, and what is left out nobody is to hear of.
    const isFinal = isVacant(word) || name === NO_REF;
    if (isFinal) this.held.delete(row);
    if (ahead === 1 || isFinal) return this.update(row, { name, word });
    const held = this.held.get(row) ?? [];
    held.push({ name, word });
    held.sort((one, other) => this.versionsAhead(row, one.word) - this.versionsAhead(row, other.word));
    this.held.set(row, held);
    return undefined;
  }

  /** When nothing more is in the feed. */
  private releaseHeld(): TaskUpdate | 'late' | 'nothing to tell' | undefined {
    for (const [row, [first]] of this.held) {
      if (this.versionsAhead(row, first!.word) <= 1) return this.release(row);
    }
    const row = this.overdue.pop();
    if (row !== undefined) return this.held.has(row) ? this.release(row) : 'nothing to tell';
    if (this.table.feed.lag(this.ticket) > 0) {
      // Somebody has the ticket and has not put the change there yet; or never will, if its thread has died.
      if (--this.patience > 0) return 'late';
      this.skip();
      return 'nothing to tell';
    }
    if (this.held.size === 0) return undefined;
    // Told the next time, unless what comes before has come until then.
    this.overdue = [...this.held.keys()];
    return 'late';
  }

  private release(row: number): TaskUpdate | 'nothing to tell' {
    const held = this.held.get(row)!;
    const first = held.shift()!;
    if (held.length === 0) this.held.delete(row);
    return this.update(row, first) ?? 'nothing to tell';
  }

  private update(row: number, { name, word }: Word): TaskUpdate | undefined {
    const before = this.wordOf(row);
    this.makeRoom(row);
    this.told[row] = word;
    // What was there in between was taken back.
    if (name === NO_REF) return undefined;
    const task = this.table.names.nameAt(name);
    const to = isVacant(word) ? undefined : statusOf(word);
    if (!this.accepts(task, to)) return undefined;
    return {
      type: 'update',
      sequence: ++this.sequence,
      ...{ task, row: row as Row },
      from: isVacant(before) ? undefined : statusOf(before),
      ...{ to, outcome: OUTCOMES[outcomeOf(word)] ?? 'none', attempt: attemptOf(word) },
    };
  }

  private tellGap(): TaskGap {
    const before = this.ticket;
    const snapshot = this.table.threads.alone(() => {
      this.catchUp();
      return takeSnapshot(this.table, () => []);
    });
    return { type: 'gap', sequence: ++this.sequence, missed: (this.ticket - before) | 0, snapshot };
  }

  /** While no other thread changes anything. */
  private catchUp(): void {
    this.ticket = this.table.feed.end;
    this.told = this.table.statusWords();
    this.held.clear();
    this.overdue = [];
    this.check = undefined;
  }

  private versionsAhead(row: number, word: number): number {
    return (epochOf(word) - epochOf(this.wordOf(row))) & (VERSIONS - 1);
  }

  private wordOf(row: number): number {
    return this.told[row] ?? VACANT_BIT;
  }

  private makeRoom(row: number): void {
    if (row < this.told.length) return;
    const larger = new Int32Array(Math.max(row + 1, this.told.length * 2)).fill(VACANT_BIT);
    larger.set(this.told);
    this.told = larger;
  }

  private async wait(signal: AbortSignal | undefined, keepsAlive: boolean): Promise<void> {
    const { feed, waits } = this.table;
    feed.announce();
    if (feed.lag(this.ticket) !== 0) return;
    const timeout = Number.POSITIVE_INFINITY;
    await waits.wait(feed.words, WAITING, 1, { timeout, signal, keepsAlive });
  }
}
