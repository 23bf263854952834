import { IllegalTransition, UnknownTask } from 'millrace';
import type { AttachedState } from '../../../src/state.js';
import { type Row, STATUS_NAMES, TaskStatus } from '../../../src/task.js';
import type { TaskManager } from '../../../src/tasks/task-manager.js';
import { FIRST_OWN } from './cast.js';
import { type Clock, type Log, refusedAt } from './history.js';
import type { CrewInput, MixOrder } from './orders.js';
import { Restructurer } from './restructure.js';
import { ACTIONS, type Action, DONE, PAIRS, pack, REFUSED } from './specification.js';

export interface PlayerInput {
  readonly state: AttachedState;
  readonly input: CrewInput;
  readonly order: MixOrder;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
}

/** One in so many operations changes tasks or edges, or many tasks at once. All threads wait for it. */
const STRUCTURE_PERIOD = 8192;
/** Of those on open rows, one in so many is an `update` or a transaction. */
const UPDATE_PERIOD = 512;
/** One in so many waits for work, which makes others look whether somebody does. */
const WAIT_PERIOD = 65_536;
/** What a thread keeps claimed at most. */
const MAX_HELD = 16;
/** Entries of the log that are for claims, of which nobody can say beforehand what they will take. */
const RESERVE = 256;
const MAX_FAULTS = 5;

const CLAIM = ACTIONS.indexOf('claim');
const UPDATE = ACTIONS.indexOf('update');
const STATUS = ACTIONS.indexOf('status');
const IN_VAIN = ACTIONS.indexOf('taken back');
/** What is done to an open row; the first of `ACTIONS` and the last two are for more than one. */
const SINGLE = ACTIONS.length - 3;

/** Thrown by a transaction that shall not have happened. */
const TAKEN_BACK = new Error('taken back');

/** A thread's part of a round: calls at random. The same seed gives the same choices; what they meet with depends on the other threads. */
export class Player {
  operations = 0;
  readonly faults: string[] = [];
  private readonly state: AttachedState;
  private readonly tasks: TaskManager;
  private readonly input: CrewInput;
  private readonly order: MixOrder;
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly restructurer: Restructurer;
  /** Row → 1 if it is sampled. */
  private readonly sampled: Uint8Array;
  /** Row → an epoch that this thread has seen. */
  private readonly epochs: Int32Array;
  /** Own rows that this thread has claimed. */
  private readonly held: Row[] = [];

  constructor({ state, input, order, log, clock, random }: PlayerInput) {
    this.state = state;
    this.tasks = state.tasks;
    this.input = input;
    this.order = order;
    this.log = log;
    this.clock = clock;
    this.random = random;
    this.restructurer = new Restructurer(state, input, order.seed, random);
    this.sampled = new Uint8Array(FIRST_OWN);
    for (const row of order.sampled) this.sampled[row] = 1;
    this.epochs = new Int32Array(FIRST_OWN);
  }

  play(): void {
    const { operations } = this.order;
    while (this.operations < operations && this.log.room > 8 && this.faults.length < MAX_FAULTS) this.step();
  }

  private step(): void {
    const { focus, hasStructure } = this.order;
    const dice = this.random();
    if (hasStructure && dice * STRUCTURE_PERIOD < 1) this.restructure();
    else if (dice > 1 - 1 / WAIT_PERIOD) this.wait();
    else if (this.random() < focus && this.log.room > RESERVE) this.open();
    else this.own();
  }

  /** A number from 0 to below `end`. */
  private below(end: number): number {
    return Math.floor(this.random() * end);
  }

  private fault(what: string): void {
    this.faults.push(`thread ${this.input.thread}: ${what}`);
  }

  // Open and waiting rows: anybody does anything to them.

  private open(): void {
    const row = this.openRow();
    const action = 1 + this.below(SINGLE);
    if (this.below(4) === 0) this.claim(this.below(8) === 0 ? 3 : 1);
    else if (this.order.hasStructure && this.below(UPDATE_PERIOD) === 0) this.update(row);
    else this.act(row, action, this.epochs[row]!);
  }

  /** Mostly one of the first few that are sampled. */
  private openRow(): Row {
    const { sampled } = this.order;
    const dice = this.random();
    if (dice < 0.6) return sampled[this.below(3)] as Row;
    return (dice < 0.95 ? sampled[this.below(sampled.length)]! : this.below(FIRST_OWN)) as Row;
  }

  private act(row: Row, action: number, argument: number): void {
    this.operations++;
    const isLogged = this.sampled[row] === 1;
    const invoked = isLogged ? this.clock.invoke() : 0;
    const result = this.result(row, ACTIONS[action]!, argument);
    if (isLogged) this.log.append(row, action, argument, result, invoked, this.clock.respond());
  }

  private result(row: Row, action: Action, argument: number): number {
    try {
      return this.call(row, action, argument);
    } catch (error) {
      if (!(error instanceof IllegalTransition)) throw error;
      // In a transaction it is the status at that moment, of what is taken back.
      return action === 'update' || action === 'taken back'
        ? REFUSED
        : refusedAt(STATUS_NAMES.indexOf(error.from as 'Pending'));
    }
  }

  private call(row: Row, action: Action, argument: number): number {
    const { tasks } = this;
    switch (action) {
      case 'status':
        return tasks.status(row);
      case 'epoch':
        this.epochs[row] = tasks.epoch(row);
        return this.epochs[row]!;
      case 'get':
        return this.get(row);
      case 'complete epoch':
        tasks.complete(row, { epoch: argument });
        return DONE;
      case 'complete fresh':
        tasks.complete(row, { outcome: 'fresh' });
        return DONE;
      case 'update':
        this.changeTwice(row, PAIRS[argument]!);
        return DONE;
      case 'taken back':
        this.changeInVain(row, PAIRS[argument]!);
        return DONE;
      case 'claim':
        throw new Error(`${action} is nothing to do to a row.`);
      default:
        tasks[action](row);
        return DONE;
    }
  }

  private get(row: Row): number {
    const { status, outcome, attempt } = this.tasks.get(row);
    return pack({ status, outcome, attempt, epoch: 0 });
  }

  private update(row: Row): void {
    const argument = this.below(PAIRS.length);
    this.act(row, this.below(3) === 0 ? IN_VAIN : UPDATE, argument);
  }

  private changeTwice(row: Row, pair: (typeof PAIRS)[number]): void {
    if (this.below(2) === 0) this.tasks.update(pair.map((action) => ({ task: row, action })));
    else this.state.transaction(() => this.changeEach(row, pair));
  }

  private changeEach(row: Row, pair: (typeof PAIRS)[number]): void {
    for (const action of pair) this.tasks[action](row);
  }

  private changeInVain(row: Row, pair: (typeof PAIRS)[number]): void {
    try {
      this.state.transaction(() => {
        this.changeEach(row, pair);
        throw TAKEN_BACK;
      });
    } catch (error) {
      if (error !== TAKEN_BACK) throw error;
    }
  }

  // Rows that only their holder ends.

  private own(): void {
    const dice = this.random();
    if (this.held.length > 0 && (dice < 0.35 || this.held.length >= MAX_HELD)) this.end();
    else if (dice < 0.65) this.claim(1);
    else this.poke();
  }

  private claim(count: number): void {
    this.operations++;
    const invoked = this.clock.invoke();
    const row = count === 1 ? this.tasks.claim() : undefined;
    const rows = count === 1 ? (row === undefined ? [] : [row]) : this.tasks.claim(count);
    for (const row of rows) {
      if (row >= FIRST_OWN) this.hold(row);
      else if (this.sampled[row] === 1) this.log.append(row, CLAIM, 0, DONE, invoked, this.clock.respond());
    }
  }

  private hold(row: Row): void {
    const { owners, thread } = this.input;
    if (row >= owners.length) throw new Error(`Row ${row} is beyond what was thought possible.`);
    if (owners[row] !== 0) this.fault(`row ${row} was claimed while thread ${owners[row]} holds it`);
    owners[row] = thread;
    this.held.push(row);
  }

  private end(): void {
    const { owners, thread } = this.input;
    const index = this.below(this.held.length);
    const row = this.held[index]!;
    this.held[index] = this.held.at(-1)!;
    this.held.pop();
    if (owners[row] !== thread) this.fault(`row ${row} is held, but was claimed by ${owners[row]} meanwhile`);
    owners[row] = 0;
    this.operations++;
    const dice = this.below(10);
    try {
      if (dice === 0) this.tasks.fail(row);
      else if (dice === 1) this.tasks.release(row);
      else if (dice === 2) this.tasks.complete(row, { outcome: 'executed', duration: 1 + this.below(100) });
      else this.tasks.complete(row);
    } catch (error) {
      this.fault(`the end of row ${row} was refused to its holder: ${error}`);
    }
  }

  /** Looks at any row, and does what goes with its status. */
  private poke(): void {
    const { size, threads } = this.input;
    const row = (FIRST_OWN + this.below(size - FIRST_OWN + 8 * threads)) as Row;
    try {
      this.operations++;
      const status = this.tasks.status(row);
      if (status === TaskStatus.InProgress && this.below(2) === 0) return;
      this.operations++;
      this.change(row, status);
    } catch (error) {
      // Others may have changed it since, and rows beyond the first come and go.
      const isExpected = error instanceof IllegalTransition || (error instanceof UnknownTask && row >= size);
      if (!isExpected) throw error;
    }
  }

  private change(row: Row, status: TaskStatus): void {
    if (status === TaskStatus.InProgress) {
      this.tasks.epoch(row);
    } else if (status === TaskStatus.Completed || this.below(2) === 0) {
      this.tasks.reset(row);
    } else if (status === TaskStatus.Failed) {
      this.tasks.retry(row);
    } else {
      this.tasks.start(row);
      this.hold(row);
    }
  }

  private wait(): void {
    this.operations++;
    this.tasks.waitForWorkSync({ timeout: 1 });
  }

  private restructure(): void {
    this.operations++;
    if (this.random() < 0.25) this.snapshot();
    else if (this.below(2) === 0 && this.held.length > 0) this.changeHeld(this.held[0]!);
    else this.restructurer.step();
  }

  /** Afterwards the row is held as before, whether this happens or not: a dependency may have been reset. */
  private changeHeld(row: Row): void {
    try {
      this.state.transaction(() => {
        this.tasks.complete(row);
        this.tasks.reset(row);
        this.tasks.start(row);
      });
    } catch (error) {
      if (!(error instanceof IllegalTransition)) throw error;
    }
  }

  private snapshot(): void {
    const { sampled } = this.order;
    const invoked = this.clock.invoke();
    const { statuses, counts, tasks } = this.tasks.snapshot(sampled as readonly Row[]);
    const responded = this.clock.respond();
    const found = [0, 0, 0, 0];
    for (const status of statuses) if (status < found.length) found[status]!++;
    const told = [counts.pending, counts.inProgress, counts.completed, counts.failed];
    if (found.join() !== told.join())
      this.fault(`a snapshot has ${found.join()} tasks by status and counts ${told.join()}`);
    tasks.forEach(({ status }, index) => {
      if (this.log.room > RESERVE) this.log.append(sampled[index]!, STATUS, 0, status, invoked, responded);
    });
  }
}
