import type { Mutant } from './mutants.js';

/** Mistakes of who has waited for so long that the other one may be dead, or knows memory as it was before it grew. */
export const LATER_MUTANTS: readonly Mutant[] = [
  {
    name: 'the gate is taken from a thread that only takes long',
    file: 'memory/threads.js',
    from: `if (!this.isGone(line))
            return;`,
    to: '',
    model: 'gateFor2',
    preemptions: 2,
  },
  {
    name: 'a thread that is busy for long is taken for dead',
    file: 'memory/threads.js',
    from: 'if (!this.isGone(line))\n                continue;',
    to: '',
    model: 'gate',
    preemptions: 2,
  },
  {
    name: 'a lock is taken from an owner that only takes long',
    file: 'sync/mutex.js',
    from: 'return !this.thread.isAlive(owner) && compareExchange',
    to: 'return compareExchange',
    model: 'locking2',
    preemptions: 2,
  },
  {
    name: 'a row leaves the ready set without a look at whether it is ready again',
    file: 'memory/ready.js',
    from: 'if (isReady(row))\n            this.insert(row);',
    to: '',
    model: 'releasedEarly',
    preemptions: 1,
  },
  {
    name: 'a row is known without a look at the memory that came with it',
    file: 'memory/table.js',
    from: 'this.seenRows = this.rowCount;\n            this.renewViews();',
    to: 'this.seenRows = this.rowCount;',
    model: 'growing',
    preemptions: 1,
  },
  {
    name: 'that a thread waits is noted for its death before it is counted',
    file: 'memory/parking.js',
    from: `if (more > 0)
            add(this.control, PARKED, more);
        this.table.threads.countParked(more);`,
    to: `this.table.threads.countParked(more);
        if (more > 0)
            add(this.control, PARKED, more);`,
    model: 'deathWhileParked',
    preemptions: 1,
  },
  {
    name: 'dependents that a dead thread had held before its swap are held for ever',
    file: 'tasks/dead-threads.js',
    from: 'derive(table);',
    to: 'table.ready.refill(table.rowCount, (row) => table.isReady(row));',
    model: 'deathWhileTakingBack',
    preemptions: 0,
  },
  {
    name: 'a status that a dead thread has written is not on its way to the disk',
    file: 'tasks/dead-threads.js',
    from: 'table.columns.status.markBytes(0, table.rowCount * 4);',
    to: '',
    model: 'deathWhileTakingBack',
    preemptions: 0,
  },
];
