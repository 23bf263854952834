import { LATER_MUTANTS } from './later-mutants.js';
import type { ModelName } from './models.js';
import { SERVING_MUTANTS } from './serving-mutants.js';

/** A mistake in the protocol code that some model must find. */
export interface Mutant {
  readonly name: string;
  /** Of the compiled `src`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The model that finds it, and with how many preemptions at least. */
  readonly model: ModelName;
  readonly preemptions: number;
}

const TABLE = 'memory/table.js';
const READY = 'memory/ready.js';
const REGION = 'memory/region.js';
const NAMES = 'memory/names.js';
const LISTS = 'memory/lists.js';
const PARKING = 'memory/parking.js';
const THREADS = 'memory/threads.js';
const CHANGES = 'memory/changes.js';

export const MUTANTS: readonly Mutant[] = [
  ...SERVING_MUTANTS,
  ...LATER_MUTANTS,
  {
    name: 'the swap of a status is believed without looking at what it found',
    file: TABLE,
    from: 'if (found === word) {',
    to: 'if (found !== undefined) {',
    model: 'starts',
    preemptions: 1,
  },
  {
    name: 'a swap that failed is not tried again',
    file: TABLE,
    from: 'word = found;\n        }',
    to: 'return false;\n        }',
    model: 'versions',
    preemptions: 1,
  },
  {
    name: 'a task starts without a look at what it waits for',
    file: TABLE,
    from: 'if (mustBeReady && this.columns.pending.ints[row] !== 0)\n                return false;',
    to: '',
    model: 'startsInOrder',
    preemptions: 0,
  },
  {
    name: 'what a task waits for is looked at before its word is loaded',
    file: TABLE,
    from: `if (mustBeReady && this.columns.pending.ints[row] !== 0)
                return false;
            const attempt`,
    to: `if (mustBeReady) {
                if (this.pending(row) !== 0) return false;
                word = load(words, row);
                if ((word & STATUS_OR_VACANT) !== from) return false;
            }
            const attempt`,
    model: 'startsNever',
    preemptions: 1,
  },
  {
    name: 'dependents are held after the swap that takes their dependency back',
    file: TABLE,
    from: 'this.columns.status.mark(row);\n        if (from === to)',
    to: 'this.columns.status.mark(row);\n        if (from === Completed) this.holdDependents(row);\n        if (from === to)',
    model: 'takenBack',
    preemptions: 0,
  },
  {
    name: 'dependents stay held when the swap fails',
    file: TABLE,
    from: 'if (from === Completed)\n                this.releaseDependents(row);\n            return false;',
    to: 'return false;',
    model: 'takenBackTwice',
    preemptions: 1,
  },
  {
    name: 'the value after a subtraction is taken for the one before',
    file: TABLE,
    from: 'if (sub(this.columns.pending.ints, row, 1) === 1)',
    to: 'if (sub(this.columns.pending.ints, row, 1) === 0)',
    model: 'claims2',
    preemptions: 0,
  },
  {
    name: 'a count goes down by a load and a store',
    file: TABLE,
    from: 'if (sub(this.columns.pending.ints, row, 1) === 1)',
    to: 'const left = load(this.columns.pending.ints, row);\n        this.columns.pending.ints[row] = left - 1;\n        if (left === 1)',
    model: 'claims3',
    preemptions: 1,
  },
  {
    name: 'a task that is given back is not offered again',
    file: TABLE,
    from: 'if (to === Pending && this.pending(row) === 0)\n            this.ready.insert(row);',
    to: '',
    model: 'changes',
    preemptions: 0,
  },
  {
    name: 'all threads count in the same words',
    file: THREADS,
    from: 'this.counters = isWatched ? this.words : this.control;\n        this.countersAt = isWatched ? this.own + COUNTERS : Counters;',
    to: 'this.counters = this.control;\n        this.countersAt = Counters;',
    model: 'claims2',
    preemptions: 1,
  },
  {
    name: 'a thread looks for work before it says that it is about to sleep',
    file: PARKING,
    from: 'park(timeout, isOver) {\n        const seen = this.enter();\n        try {\n            if (this.hasWork() || isOver?.() === true)',
    to: 'park(timeout, isOver) {\n        const isAwake = this.hasWork() || isOver?.() === true;\n        const seen = this.enter();\n        try {\n            if (isAwake)',
    model: 'parking2',
    preemptions: 2,
  },
  {
    name: 'the sequence of wake-ups is read after the look for work',
    file: PARKING,
    from: 'wait(this.control, SEQUENCE, seen, timeout)',
    to: 'wait(this.control, SEQUENCE, load(this.control, SEQUENCE), timeout)',
    model: 'parking2',
    preemptions: 2,
  },
  {
    name: 'sleepers are notified before the sequence has moved on',
    file: PARKING,
    from: 'add(this.control, SEQUENCE, 1);\n        notify(this.control, SEQUENCE);',
    to: 'notify(this.control, SEQUENCE);\n        add(this.control, SEQUENCE, 1);',
    model: 'handingOver',
    preemptions: 2,
  },
  {
    name: 'one sleeper is woken when all should be',
    file: PARKING,
    from: 'notify(this.control, SEQUENCE);',
    to: 'notify(this.control, SEQUENCE, 1);',
    model: 'parking3',
    preemptions: 1,
  },
  {
    name: 'sleepers are woken only if a task is ready, not when all is over',
    file: TABLE,
    from: 'if (!this.ready.isEmpty || this.counts().inProgress === 0)',
    to: 'if (!this.ready.isEmpty)',
    model: 'parking2',
    preemptions: 1,
  },
  {
    name: 'sleepers are woken before the task has been counted',
    file: TABLE,
    from: '        countTransition(this.threads.counters, this.threads.countersAt, from, to);\n        this.tell(row, this.written);',
    to: '        this.tell(row, this.written);\n        countTransition(this.threads.counters, this.threads.countersAt, from, to);',
    model: 'parking2',
    preemptions: 1,
  },
  {
    name: 'the summary of an emptied word is cleared without a second look at the word',
    file: READY,
    from: 'if (load(words, at) !== 0) {\n            setBit(words, at);\n            return;\n        }',
    to: '',
    model: 'refilling1',
    preemptions: 1,
  },
  {
    name: 'the word is looked at before its summary is cleared',
    file: READY,
    from: 'const before = and(words, (at - 1) >>> SHIFT, ~bit);\n        // Only now',
    to: 'if (load(words, at) !== 0) return;\n        const before = and(words, (at - 1) >>> SHIFT, ~bit);\n        if (at > 0) { if ((before & ~bit) !== 0) return; continue; }\n        // Only now',
    model: 'refilling1',
    preemptions: 1,
  },
  {
    name: 'a bit is set by a load and a store',
    file: READY,
    from: 'const before = or(words, (at - 1) >>> SHIFT, bitOf(at));',
    to: 'const before = load(words, (at - 1) >>> SHIFT); words[(at - 1) >>> SHIFT] = before | bitOf(at);',
    model: 'claims2',
    preemptions: 1,
  },
  {
    name: 'summaries are set before the bit of the row',
    file: READY,
    from: 'function setBit(words, node) {',
    to: 'function setBit(words, node) {\n    if (node >= FIRST_RANK) { setBit(words, (node - 1) >>> SHIFT); or(words, (node - 1) >>> SHIFT, bitOf(node)); return; }',
    model: 'refilling1',
    preemptions: 1,
  },
  {
    name: 'a page is marked before it is changed',
    file: REGION,
    from: 'store(this.ints, index, value);\n        this.mark(index);',
    to: 'this.mark(index);\n        store(this.ints, index, value);',
    model: 'committing',
    preemptions: 1,
  },
  {
    name: 'a mark is cleared after its page was copied',
    file: 'store/pages.js',
    from: 'writer.put(pageKey(region.name, page), this.scratch.subarray(0, length));',
    to: 'writer.put(pageKey(region.name, page), this.scratch.subarray(0, length));\n        store(region.dirty, page, 0);',
    model: 'committing',
    preemptions: 1,
  },
  {
    name: 'who misses a name while the slots are rebuilt does not look again',
    file: NAMES,
    from: 'if (row >= 0 || ((generation & 1) === 0 && this.slots.get(GENERATION) === generation))',
    to: 'if (row >= 0 || generation >= 0)',
    model: 'rebuilding',
    preemptions: 1,
  },
  {
    name: 'a list is switched before it is copied',
    file: LISTS,
    from: 'const to = this.claimWords(ITEMS + grown);',
    to: 'const to = this.claimWords(ITEMS + grown);\n        this.refs.set(row, to);',
    model: 'lengthening',
    preemptions: 1,
  },
  {
    name: 'an item is counted before it is there',
    file: LISTS,
    from: 'this.pool.put(ref + ITEMS + count, item);\n        this.pool.set(ref + COUNT, count + 1);',
    to: 'this.pool.set(ref + COUNT, count + 1);\n        this.pool.put(ref + ITEMS + count, item);',
    model: 'lengthening',
    preemptions: 1,
  },
  {
    name: 'a lock is taken by a load and a store',
    file: 'sync/mutex.js',
    from: 'return compareExchange(this.words, OWNER, NOBODY, this.self) === NOBODY;',
    to: 'if (load(this.words, OWNER) !== NOBODY) return false;\n        store(this.words, OWNER, this.self);\n        return true;',
    model: 'locking2',
    preemptions: 2,
  },
  {
    name: 'who reads does not say so',
    file: 'sync/rw-lock.js',
    from: 'if (this.readers === 0)\n            this.threads.begin();',
    to: '',
    model: 'rwLocking1',
    preemptions: 1,
  },
  {
    name: 'nobody is told that a writer has died',
    file: 'sync/rw-lock.js',
    from: 'store(control, ABANDONED, 1);',
    to: '',
    model: 'deathWithRwLock',
    preemptions: 0,
  },
  {
    name: 'who has got the lock stays its heir',
    file: 'sync/mutex.js',
    from: 'compareExchange(this.words, HEIR, this.self, NOBODY);\n        return result;',
    to: 'return result;',
    model: 'locking2',
    preemptions: 2,
  },
  {
    name: 'a change is stamped before it is there',
    file: 'memory/feed.js',
    from: 'words[at + ROW] = row;',
    to: 'store(words, at + STAMP, (ticket + 1) | 0);\n        words[at + ROW] = row;',
    model: 'telling1',
    preemptions: 1,
  },
  {
    name: 'who tells looks for listeners before the change is there',
    file: 'memory/feed.js',
    from: 'const ticket = add(words, ISSUED, 1);',
    to: 'const isHeard = load(words, WAITING) === 1;\n        const ticket = add(words, ISSUED, 1);\n        if (!isHeard) { const at = entryAt(ticket); words[at + ROW] = row; words[at + WORD] = word; words[at + NAME] = name; store(words, at + STAMP, (ticket + 1) | 0); return; }',
    model: 'telling1',
    preemptions: 1,
  },
  {
    name: 'tickets are given out by a load and a store',
    file: 'memory/feed.js',
    from: 'const ticket = add(words, ISSUED, 1);',
    to: 'const ticket = load(words, ISSUED);\n        store(words, ISSUED, ticket + 1);',
    model: 'telling2',
    preemptions: 1,
  },
  {
    name: 'who looks does not look again whether something has changed meanwhile',
    file: CHANGES,
    from: 'const result = body();\n                if (load(control, CHANGES) === before)\n                    return result;',
    to: 'return body();',
    model: 'changing',
    preemptions: 1,
  },
  {
    name: 'who looks does not mind that something is being changed',
    file: CHANGES,
    from: 'if ((before & 1) !== 0) {',
    to: 'if (before < 0) {',
    model: 'changing',
    preemptions: 1,
  },
  {
    name: 'a status is not saved before it is overwritten',
    file: TABLE,
    from: 'this.columns.status.keep(row);',
    to: '',
    model: 'deathInChange',
    preemptions: 0,
  },
  {
    name: 'the log moves on before its entry is complete',
    file: 'memory/undo.js',
    from: 'const { ints } = this.words;\n        ints[from] = word;',
    to: 'const { ints } = this.words;\n        store(ints, USED, from + 1 + TRAILER_WORDS);\n        ints[from] = word;',
    model: 'deathInChange',
    preemptions: 0,
  },
  {
    name: 'what a dead thread had changed is taken back although the change had happened',
    file: CHANGES,
    from: 'if (!this.log.isEmpty)',
    to: '',
    model: 'deathInChange',
    preemptions: 0,
  },
  {
    name: 'the gate of a dead thread is just opened',
    file: THREADS,
    from: 'if (compareExchange(this.control, Gate, closedBy, this.line) === closedBy)\n            this.behindGate(this.rescue);',
    to: 'compareExchange(this.control, Gate, closedBy, 0);',
    model: 'deathInChange',
    preemptions: 0,
  },
  {
    name: 'rows that a dead thread had taken stay as they are',
    file: CHANGES,
    from: 'this.blank(rowCount, table.rowCount);',
    to: '',
    model: 'deathInChange',
    preemptions: 0,
  },
  {
    name: 'the gate is looked at before the thread says that it begins',
    file: THREADS,
    from: 'store(this.words, at, BUSY);\n            const closedBy = load(this.control, Gate);',
    to: 'const closedBy = load(this.control, Gate);\n            store(this.words, at, BUSY);',
    model: 'gate',
    preemptions: 2,
  },
  {
    name: 'who wants to be alone does not wait for those who have begun',
    file: THREADS,
    from: 'this.forEachOther((line) => this.waitForEnd(line));',
    to: '',
    model: 'gate',
    preemptions: 1,
  },
  {
    name: 'the gate is closed by a load and a store',
    file: THREADS,
    from: 'const closedBy = compareExchange(this.control, Gate, 0, this.line);',
    to: 'const closedBy = load(this.control, Gate);\n            if (closedBy === 0) store(this.control, Gate, this.line);',
    model: 'gateFor2',
    preemptions: 2,
  },
  {
    name: 'what a dead thread was in the middle of is not put right',
    file: 'tasks/dead-threads.js',
    from: 'if (isHalfDone)\n            putRight(table);',
    to: '',
    model: 'death',
    preemptions: 1,
  },
  {
    name: 'a refusal tells of what is taken back',
    file: 'tasks/lifecycle.js',
    from: 'return table.changes.look(() => refusalNow(table, row, to, epoch));',
    to: 'return refusalNow(table, row, to, epoch);',
    model: 'refusing',
    preemptions: 2,
  },
  {
    name: 'a claim whose thread died before it said so stays',
    file: 'tasks/dead-threads.js',
    from: 'if (isTold ? lines.has(lineOf(held)) : isHalfDone)',
    to: 'if (isTold && lines.has(lineOf(held)))',
    model: 'death',
    preemptions: 1,
  },
];
