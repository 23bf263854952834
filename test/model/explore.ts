import { MeetingPlaces } from './meeting-places.js';
import { DEATH, describePlace, IS_DEAD, type Mark, type Step, type Steps, WatchedMemory } from './memory.js';
import type { Bounds, Exploration, Model, World } from './model.js';
import { ModelThread, States, type ThreadMark } from './states.js';

/** So many steps without a write, and a thread is taken to spin. None does as many otherwise: to make it stop at a place of ours would hide others. */
const SPIN = 2000;

/** As a choice; and from EARLY on, the number of a thread whose wait is over before anybody has notified it. */
const DIES = -2;
const EARLY = 100;

/** Thrown through the code of a thread that is to stop here; it goes on by being run again. */
const SUSPEND = { message: 'a model thread is suspended' };

interface Choice {
  readonly options: readonly number[];
  at: number;
  readonly point: Point;
}

/** What there was when a choice was made. */
interface Point {
  readonly memory: Mark;
  readonly threads: readonly ThreadMark[];
  /** The thread that was about to make a step; -1 if none was. */
  readonly running: number;
  readonly last: number;
  readonly preemptions: number;
  readonly sleeps: number;
}

/**
 * A model checker in the manner of CHESS (Musuvathi et al., OSDI 2008: context bounds) and loom: all interleavings of a
 * few threads, with at most so many preemptions, of the real code. A switch is possible before each step on a word that
 * several threads touch and one of them writes; which these are is learned, and the exploration begins anew until no more are found.
 *
 * What is left to come depends on memory and on what the threads were given (see states.ts), so a state that was met before ends an execution: interleavings
 * that differ in nothing but the order of steps which do not touch the same words are explored once.
 *
 * Memory is sequentially consistent here, as it is for atomic operations; plain ones are steps like any other.
 */
export class Explorer<Shared> implements Steps, World {
  readonly memory = new WatchedMemory(this);
  private readonly model: Model<Shared>;
  private readonly bounds: Bounds;
  private readonly meetingPlaces = new MeetingPlaces();
  private threads: ModelThread[] = [];
  private running = -1;
  /** Who is to go on; -1: not decided. */
  private next = -1;
  /** Who went on last. */
  private last = -1;
  /** Memory as `setup` has made it. */
  private start = this.memory.mark();
  private preemptions = 0;
  private sleeps = 0;
  private choices: Choice[] = [];
  /** In which there was a choice. */
  private readonly states = new States();
  /** This execution has come to such a state. */
  private isKnown = false;
  private depth = 0;
  private trace: string[] | undefined;

  constructor(model: Model<Shared>, bounds: Bounds) {
    this.model = model;
    this.bounds = bounds;
  }

  explore(): Exploration {
    const end = performance.now() + (this.bounds.seconds ?? Number.POSITIVE_INFINITY) * 1000;
    const shared = this.model.setup();
    this.start = this.memory.mark();
    this.begin();
    for (let executions = 1; ; executions++) {
      const problem = this.execute(shared);
      if (problem !== undefined)
        return { executions, failure: this.explain(problem, shared), isComplete: true };
      if (this.meetingPlaces.adopt()) {
        this.choices = [];
        this.states.clear();
        this.begin();
      } else if (!this.goBack()) {
        return { executions, failure: undefined, isComplete: true };
      }
      if (performance.now() >= end) return { executions, failure: undefined, isComplete: false };
    }
  }

  /** An execution from the beginning. */
  private begin(): void {
    this.memory.back(this.start);
    this.threads = this.model.threads.map(() => new ModelThread());
    this.depth = 0;
    this.preemptions = 0;
    this.next = -1;
    this.last = -1;
  }

  take<T>(step: Step, perform: () => T): T {
    const thread = this.threads[this.running];
    if (thread === undefined) return perform();
    if (thread.isUnwinding) throw SUSPEND;
    if (thread.cursor < thread.given.length) return again(thread, step) as T;
    this.decide(thread, step);
    const value = perform();
    this.note(thread, step, value);
    return value;
  }

  isDead(thread: number): boolean {
    return this.take(IS_DEAD, () => this.threads[thread]?.status === 'dead');
  }

  sleep(step: Step, isEqual: () => boolean, timesOut: boolean): 'ok' | 'not-equal' | 'timed-out' {
    const thread = this.threads[this.running];
    if (thread === undefined) {
      if (!timesOut) throw new Error('only a thread of the model can wait');
      return isEqual() ? 'timed-out' : 'not-equal';
    }
    if (thread.isUnwinding) throw SUSPEND;
    if (thread.cursor < thread.given.length) return again(thread, step) as 'ok';
    this.decide(thread, step);
    if (!isEqual()) {
      this.note(thread, step, 'not-equal');
      return 'not-equal';
    }
    this.tell(step, 'asleep');
    thread.mayStep = false;
    thread.status = 'asleep';
    thread.sleepsAt = step;
    thread.timesOut = timesOut;
    thread.asleepSince = this.sleeps++;
    thread.isUnwinding = true;
    throw SUSPEND;
  }

  wake(step: Step, count: number): number {
    return this.take(step, () => {
      let woken = 0;
      for (const other of this.threads) {
        if (woken >= count || other.status !== 'asleep' || other.sleepsAt!.from !== step.from) continue;
        this.awaken(other, 'ok');
        woken++;
      }
      return woken;
    });
  }

  private awaken(thread: ModelThread, value: 'ok' | 'timed-out'): void {
    thread.status = 'ready';
    thread.give(thread.sleepsAt!, value);
  }

  /** Before a step that others may see: whether the thread goes on, or another one does. */
  private decide(thread: ModelThread, step: Step): void {
    this.meetingPlaces.learn(step, this.running);
    if (thread.mayStep) return;
    thread.reads = step.writes ? 0 : thread.reads + 1;
    if (thread.reads > SPIN) this.yieldTurn(thread);
    const isVisible = this.meetingPlaces.has(step);
    // Memory as it is at a death may be looked at afterwards by anybody, so every change counts.
    const mayDie =
      this.model.mortal === this.running &&
      (isVisible || step.writes) &&
      !this.threads.some(({ status }) => status === 'dead');
    const mayStop = isVisible && this.preemptions < this.bounds.preemptions;
    if (!mayStop && !mayDie) {
      thread.mayStep = true;
      return;
    }
    const next = this.choose([
      ...(mayStop ? [...this.enabled(this.running), ...this.early()] : [this.running]),
      ...(mayDie ? [DIES] : []),
    ]);
    if (next === undefined) {
      thread.isUnwinding = true;
      throw SUSPEND;
    }
    this.follow(this.running, next);
    if (next === this.running) return;
    thread.isUnwinding = true;
    throw SUSPEND;
  }

  /** A thread that only reads and reads may wait for another one: that is its turn, and no preemption (fair schedules, Musuvathi and Qadeer, PLDI 2008). */
  private yieldTurn(thread: ModelThread): void {
    thread.reads = 0;
    const [next] = this.enabled(this.running).slice(1);
    if (next === undefined) return;
    this.next = next;
    thread.mayStep = true;
    thread.isUnwinding = true;
    throw SUSPEND;
  }

  private note(thread: ModelThread, step: Step, value: unknown): void {
    this.tell(step, value);
    thread.mayStep = false;
    thread.give(step, value);
    thread.cursor++;
  }

  private tell(step: Step, value: unknown): void {
    if (!this.trace || !this.meetingPlaces.has(step)) return;
    this.trace.push(
      `thread ${this.running}: ${step.name} ${describePlace(step.from)} gives ${String(value)}`,
    );
  }

  /** Threads that can go on, the one given first. */
  private enabled(first: number): number[] {
    const enabled: number[] = this.threads[first]?.status === 'ready' ? [first] : [];
    for (const [index, { status }] of this.threads.entries())
      if (status === 'ready' && index !== first) enabled.push(index);
    return enabled;
  }

  /** Those whose time may be over by now; that it is counts as a preemption. */
  private early(): number[] {
    if (this.preemptions >= this.bounds.preemptions) return [];
    const waiting = [...this.threads.keys()].filter((index) => {
      const { status, timesOut } = this.threads[index]!;
      return status === 'asleep' && timesOut;
    });
    return waiting.map((index) => EARLY + index);
  }

  /** Undefined if all that can follow was seen already, or will be. */
  private choose(options: readonly number[]): number | undefined {
    if (options.length === 1) return options[0]!;
    if (this.depth === this.choices.length) {
      this.isKnown = this.states.wasHere(this.memory.hash, this.running, this.threads, this.preemptions);
      if (this.isKnown) return undefined;
      this.choices.push({ options, at: 0, point: this.point() });
    }
    const choice = this.choices[this.depth++]!;
    return choice.options[choice.at]!;
  }

  /** To where another choice is left, depth first, and makes it; false if there is none. */
  private goBack(): boolean {
    for (;;) {
      const choice = this.choices.at(-1);
      if (choice === undefined) return false;
      if (++choice.at < choice.options.length) {
        this.restore(choice.point);
        this.depth = this.choices.length;
        this.follow(choice.point.running, choice.options[choice.at]!);
        return true;
      }
      this.choices.pop();
    }
  }

  private point(): Point {
    const { last, preemptions, running, sleeps } = this;
    const threads = this.threads.map((thread) => thread.mark());
    return { memory: this.memory.mark(), threads, last, preemptions, running, sleeps };
  }

  private restore({ memory, threads, last, preemptions, sleeps }: Point): void {
    this.memory.back(memory);
    for (const [index, mark] of threads.entries()) this.threads[index]!.back(mark);
    this.last = last;
    this.preemptions = preemptions;
    this.sleeps = sleeps;
    this.next = -1;
  }

  /** What was chosen when that thread was about to make a step, or when none was. */
  private follow(running: number, chosen: number): void {
    const thread = this.threads[running];
    // Whoever stops here does this step when its turn comes again.
    if (thread !== undefined) thread.mayStep = true;
    if (chosen === running) return;
    if (chosen === DIES) {
      thread!.status = 'dead';
      this.meetingPlaces.learn(DEATH, running);
      return;
    }
    if (chosen >= EARLY) {
      this.preemptions++;
      this.next = chosen - EARLY;
      this.awaken(this.threads[this.next]!, 'timed-out');
      return;
    }
    if (thread !== undefined) this.preemptions++;
    this.next = chosen;
  }

  /** Runs all threads to their ends. @returns what does not hold */
  private execute(shared: Shared): string | undefined {
    this.isKnown = false;
    for (;;) {
      if (this.next < 0) {
        const ready = this.enabled(this.last);
        if (ready.length === 0) {
          if (this.timeOut()) continue;
          break;
        }
        const chosen = this.choose([...ready, ...this.early()]);
        if (chosen === undefined) break;
        this.follow(-1, chosen);
      }
      this.last = this.next;
      this.next = -1;
      this.resume(this.last, shared);
      if (this.isKnown) break;
    }
    return this.isKnown ? undefined : this.judge(shared);
  }

  /** When nothing else can happen, time passes: the one that waits for longest and only so long goes on. False if there is none. */
  private timeOut(): boolean {
    const waiting = this.threads.filter(({ status, timesOut }) => status === 'asleep' && timesOut);
    waiting.sort((one, other) => one.asleepSince - other.asleepSince);
    if (waiting.length === 0) return false;
    this.awaken(waiting[0]!, 'timed-out');
    return true;
  }

  private resume(index: number, shared: Shared): void {
    const thread = this.threads[index]!;
    thread.cursor = 0;
    thread.isUnwinding = false;
    this.running = index;
    try {
      const result = this.model.threads[index]!(shared, this);
      if (thread.isUnwinding) return;
      thread.result = result;
    } catch (error) {
      if (thread.isUnwinding) return;
      thread.error = error;
    } finally {
      this.running = -1;
    }
    thread.status = 'done';
  }

  private judge(shared: Shared): string | undefined {
    const asleep = this.threads.findIndex(({ status }) => status === 'asleep');
    if (asleep >= 0) return `thread ${asleep} sleeps for ever`;
    const failed = this.threads.find(({ error }) => error !== undefined);
    if (failed !== undefined) return String((failed.error as Error).stack ?? failed.error);
    try {
      this.model.check(
        shared,
        this.threads.map(({ result }) => result),
        this,
      );
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The same execution again, with its steps. */
  private explain(problem: string, shared: Shared): string {
    this.begin();
    this.trace = [];
    this.execute(shared);
    return `${problem}\n  ${this.trace.join('\n  ')}`;
  }
}

/** What a step gave when it was done. */
function again(thread: ModelThread, { name, from }: Step): unknown {
  const { step, value } = thread.given[thread.cursor++]!;
  const isSame = step.from === from && (step.name === name || step.name === 'notify');
  if (!isSame) throw new Error(`not the step it was: ${step.name} ${step.from}, now ${name} ${from}`);
  return value;
}
