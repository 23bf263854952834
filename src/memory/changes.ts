import { TaskStatus } from '../task.js';
import { add, load, store } from './atomic.js';
import { COLUMNS, LISTS } from './handle.js';
import { Control, isVacant, NO_REF, nextStatus, restoredStatus, statusOf, VACANT_BIT } from './layout.js';
import { SUBSCRIPTION } from './parking.js';
import type { Region } from './region.js';
import { giveBackRows } from './rows.js';
import type { TaskTable } from './table.js';
import type { Restorable, UndoLog } from './undo.js';

const { Changes: CHANGES, RowsBefore: ROWS_BEFORE, Structure: STRUCTURE } = Control;

/** The control words that are put back. */
const SAVED = [
  Control.LiveCount,
  Control.NextPosition,
  Control.FirstVacant,
  Control.Counters + TaskStatus.Pending,
  Control.Counters + TaskStatus.Completed,
  Control.Counters + TaskStatus.Failed,
];
/** What the log calls the control block; regions follow. */
const CONTROL = 0;

/** How often a look is repeated because of changes meanwhile, before others are asked to make way for it. */
const PATIENCE = 3;

/** Where to go back to. */
interface Savepoint {
  /** Where the log ended; undefined: where it begins. */
  readonly end: number | undefined;
  /** How much was to be told. */
  readonly told: number;
  readonly rowCount: number;
}

/**
 * Changes of tasks and edges, and of many tasks together: all or nothing, for the thread that makes them, for all others, and if it
 * dies in the middle.
 *
 * Who changes is alone (see `Threads`), and saves what it overwrites (see `UndoLog`), but for what nobody can see: rows, names and
 * lists beyond those that were there. To forget the log is the moment at which the change has happened. Who looks at more than one
 * word makes sure that `Changes` was even and the same before and after (a sequence lock; Lameter, "Effective Synchronization on
 * Linux/NUMA Systems", 2005).
 */
export class Changes {
  private readonly table: TaskTable;
  private readonly log: UndoLog;
  private readonly regions: readonly Region[];
  /** In the order of their numbers in the log: the control block, then the regions. */
  private readonly targets: readonly Restorable[];
  /** Rows whose status or pending count was put back → the status word that was there last. */
  private readonly putBack = new Map<number, number>();
  /** How many changes of this thread are under way, one inside the other. */
  private depth = 0;
  /**
   * What is to be told when the change under way has happened: row, status word and name of each. Without a name: this is what it
   * is now, after what was taken back.
   */
  private readonly untold: number[] = [];
  /** How often this thread has taken changes back. */
  rollbacks = 0;

  constructor(table: TaskTable, log: UndoLog) {
    this.table = table;
    this.log = log;
    const { control, columns, names, lists } = table;
    const parts = [names, ...Object.values(lists)];
    this.regions = [...Object.values(columns), ...parts.flatMap((part) => part.overwritten())];
    this.regions.forEach((region, index) => {
      region.logAs(log, CONTROL + 1 + index);
    });
    const noted = (region: Region): Restorable => ({
      putBack: (row, words) => {
        for (let at = row; at < row + words.length; at++) {
          if (!this.putBack.has(at)) this.putBack.set(at, columns.status.ints[at]!);
        }
        region.putBack(row, words);
      },
    });
    const controlWords: Restorable = {
      putBack(index, words) {
        for (let at = 0; at < words.length; at++) store(control, index + at, words[at]!);
      },
    };
    this.targets = [
      controlWords,
      ...this.regions.map((region) =>
        region === columns.status || region === columns.pending ? noted(region) : region,
      ),
    ];
  }

  /** True in the midst of a change of this thread. */
  get isUnderWay(): boolean {
    return this.depth > 0;
  }

  /**
   * Runs `body`, which may change anything. If it throws, all that it has changed is as before, and so is what it threw. Inside
   * another change it is a part of that one.
   */
  make<T>(body: () => T): T {
    if (this.depth > 0) return this.attempt(body);
    try {
      return this.table.threads.alone(() => this.makeAlone(body));
    } finally {
      // Also if all is as before: who looked for work meanwhile may have found none.
      this.table.wakeParked();
    }
  }

  /** Runs `body`, which only looks: what it sees is of one moment as far as changes go. It may be run several times. */
  look<T>(body: () => T): T {
    const { threads, control } = this.table;
    if (!threads.isWatched) return body();
    for (let time = 0; time < PATIENCE; time++) {
      const before = load(control, CHANGES);
      if ((before & 1) !== 0) {
        threads.waitForOthers();
        continue;
      }
      this.table.renew();
      try {
        const result = body();
        if (load(control, CHANGES) === before) return result;
      } catch (error) {
        // What is seen in the midst of a change need not make sense.
        if (load(control, CHANGES) === before) throw error;
      }
    }
    return this.still(body);
  }

  /** Runs `body` while no other thread changes anything, with all in view that others have added. */
  still<T>(body: () => T): T {
    return this.table.threads.alone(() => {
      this.table.renew();
      return body();
    });
  }

  /** Puts right what a thread has left that died while it was alone. For `Threads`. */
  rescue(): void {
    const { table } = this;
    table.renewViews();
    if ((load(table.control, CHANGES) & 1) !== 0) {
      // An empty log: the change has happened, or not begun.
      if (!this.log.isEmpty)
        this.rollback({ end: undefined, rowCount: load(table.control, ROWS_BEFORE), told: 0 });
      this.log.forget();
      add(table.control, CHANGES, 1);
      this.tellAll();
    }
    // It may have been about to order the ready set: that is due again.
    table.ready.extend(0, table.rowCount);
    table.ready.refill(table.rowCount, (row) => table.isReady(row));
    store(table.control, Control.RankedRows, 0);
    add(table.control, STRUCTURE, 1);
  }

  /** Tells of a status word that was written: who listens hears of it no sooner than the change that it is part of has happened. */
  tell(row: number, word: number, name: number): void {
    if (this.depth > 0) this.untold.push(row, word, name);
    else this.table.feed.put(row, word, name);
  }

  /** Runs a part of a change; of the status words that it writes nobody is told, for what follows says what they lead to. */
  quietly(body: () => void): void {
    const { length } = this.untold;
    body();
    this.untold.length = length;
  }

  private makeAlone<T>(body: () => T): T {
    const { control, rowCount } = this.table;
    this.table.renew();
    store(control, ROWS_BEFORE, rowCount);
    add(control, CHANGES, 1);
    try {
      return this.attempt(body);
    } finally {
      for (const region of this.regions) region.unprotect();
      this.log.forget();
      add(control, CHANGES, 1);
      this.tellAll();
    }
  }

  private tellAll(): void {
    if (this.untold.length === 0) return;
    const told = this.untold.splice(0);
    for (let at = 0; at < told.length; at += 3) this.table.feed.put(told[at]!, told[at + 1]!, told[at + 2]!);
  }

  private attempt<T>(body: () => T): T {
    const savepoint = this.protect();
    this.depth++;
    try {
      return body();
    } catch (error) {
      this.rollback(savepoint);
      this.log.forget(savepoint.end);
      throw error;
    } finally {
      this.depth--;
    }
  }

  private protect(): Savepoint {
    const { log, table } = this;
    const { control, rowCount } = table;
    const end = log.end;
    for (const index of SAVED) log.saveWord(CONTROL, index, control[index]!);
    const { columns, names, lists } = table;
    for (const name of COLUMNS) columns[name].protect(0, rowCount);
    names.protect(rowCount);
    for (const name of LISTS) lists[name].protect(rowCount);
    return { end, rowCount, told: this.untold.length };
  }

  private rollback({ end, rowCount, told }: Savepoint): void {
    const { log, table } = this;
    this.putBack.clear();
    log.rollback(this.targets, end);
    this.untold.length = told;
    table.names.settle();
    this.blank(rowCount, table.rowCount);
    for (const [row, undone] of this.putBack) {
      if (row < rowCount) this.countOn(row, undone);
      if (table.isReady(row)) table.ready.insert(row);
    }
    // Not as before: who has seen what was there meanwhile must notice.
    add(table.control, STRUCTURE, 1);
    this.rollbacks++;
  }

  /**
   * An epoch that was given to somebody in what was taken back must never be that of another attempt. One that was valid before
   * must be so again: there the version is as it was.
   */
  private countOn(row: number, undone: number): void {
    const { status } = this.table.columns;
    const word = status.ints[row]!;
    if (word === undone || (!isVacant(word) && statusOf(word) === TaskStatus.InProgress)) return;
    status.put(row, restoredStatus(word, undone));
    if (this.isHeard) this.untold.push(row, status.ints[row]!, NO_REF);
  }

  private get isHeard(): boolean {
    return load(this.table.control, Control.Parked) >= SUBSCRIPTION;
  }

  /** Makes vacant rows of those that were not there before. */
  private blank(from: number, to: number): void {
    const { columns, names, lists } = this.table;
    const { isHeard } = this;
    for (const part of [names, ...Object.values(lists)]) part.forgetFrom(from, to);
    for (let row = from; row < to; row++) {
      const word = columns.status.ints[row]!;
      if (!isVacant(word)) columns.status.put(row, nextStatus(word, TaskStatus.Pending, 0, 0) | VACANT_BIT);
      // Who listens knows no word in between, and would wait for those.
      if (isHeard) this.untold.push(row, columns.status.ints[row]!, NO_REF);
    }
    giveBackRows(
      this.table,
      Int32Array.from({ length: to - from }, (_, index) => from + index),
    );
  }
}
