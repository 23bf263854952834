import { inspect } from 'node:util';
import type { MeetingPlaces } from './meeting-places.js';
import { IS_DEAD, type Step, type Steps, WatchedMemory } from './memory.js';
import type { World } from './model.js';
import type { Act, End, Moment } from './moment.js';

/** Thrown through the code of a thread that is to stop here. */
const SUSPEND = { message: 'a model thread is suspended' };

/** So far beyond what was asked for does a run go. */
const AHEAD = 200;

const WHOLE = { depth: null, maxArrayLength: null, maxStringLength: null } as const;

/** Threads with the same body. */
export interface Body {
  readonly threads: readonly number[];
  readonly run: (world: World) => unknown;
}

/** A body that is run to learn its next steps. */
interface Run {
  readonly threads: readonly number[];
  /** From the beginning to the moment after which nothing is known. */
  readonly path: readonly Moment[];
  /** How much of it has been passed. */
  passed: number;
  now: Moment;
  ahead: number;
  isUnwinding: boolean;
}

/** What the threads are, as far as a step depends on it. */
export interface Threads {
  isDead(thread: number): boolean;
  /** Those that wait at the place of a step, who has waited for longest first. */
  waitingAt(step: Step): readonly number[];
}

/** Runs bodies to learn what they do: to a moment by what their steps have given before, and on from there. */
export class Learner implements Steps, World {
  readonly memory = new WatchedMemory(this);
  private readonly places: MeetingPlaces;
  private readonly threads: Threads;
  private readonly steps = new SameSteps();
  private readonly ends = new Map<string, number>();
  private run: Run | undefined;

  constructor(places: MeetingPlaces, threads: Threads) {
    this.places = places;
    this.threads = threads;
  }

  /**
   * Learns the step after a moment, and those that follow if no other thread does anything meanwhile, which is what is explored first. Memory is to be as
   * it is at that moment, and will be so again.
   */
  learn(moment: Moment, { threads, run: body }: Body): void {
    const path: Moment[] = [];
    for (let at: Moment | undefined = moment; at !== undefined; at = at.before) path.push(at);
    path.reverse();
    const run: Run = { threads, path, passed: 0, now: path[0]!, ahead: 0, isUnwinding: false };
    const mark = this.memory.mark();
    this.run = run;
    try {
      const result = body(this);
      if (!run.isUnwinding) run.now.end = this.endOf(result, undefined);
    } catch (error) {
      if (!run.isUnwinding) run.now.end = this.endOf(undefined, error);
    } finally {
      this.run = undefined;
      this.memory.back(mark);
    }
  }

  private endOf(result: unknown, error: unknown): End {
    const said = inspect([result, error], WHOLE);
    const key = this.ends.get(said) ?? this.ends.size;
    this.ends.set(said, key);
    return { key, result, error };
  }

  take<T>(step: Step, perform: () => T): T {
    if (this.run === undefined) return perform();
    return this.pass(this.run, step, { kind: 'touch', perform }) as T;
  }

  isDead(thread: number): boolean {
    return this.take(IS_DEAD, () => this.threads.isDead(thread));
  }

  wait(step: Step, isEqual: () => boolean, timesOut: boolean): 'ok' | 'not-equal' | 'timed-out' {
    if (this.run === undefined) {
      if (!timesOut) throw new Error('only a thread of the model can wait');
      return isEqual() ? 'timed-out' : 'not-equal';
    }
    return this.pass(this.run, step, { kind: 'wait', isEqual, timesOut }) as 'ok';
  }

  notify(step: Step, count: number): number {
    if (this.run === undefined) return 0;
    return this.pass(this.run, step, { kind: 'notify', count }) as number;
  }

  /** @returns what the step gives, or has given; does not return if that is not known now */
  private pass(run: Run, step: Step, act: Act): unknown {
    if (run.isUnwinding) throw SUSPEND;
    this.note(run, step, act);
    const next = run.path[++run.passed] ?? this.goOn(run);
    if (next !== undefined) {
      run.now = next;
      return next.value;
    }
    run.isUnwinding = true;
    throw SUSPEND;
  }

  private note({ now, threads }: Run, step: Step, act: Act): void {
    if (now.step !== undefined) {
      const isSame = now.step.from === step.from && now.step.name === step.name;
      if (isSame) return;
      throw new Error(
        `not the step it was: ${now.step.name} ${now.step.from}, now ${step.name} ${step.from}`,
      );
    }
    now.step = this.steps.get(step);
    now.act = act;
    now.isVisible = this.places.has(step) || now.isSpinning;
    for (const thread of threads) this.places.learn(step, thread);
  }

  /** To a moment of which nothing is known, if the thread gets there by itself. */
  private goOn(run: Run): Moment | undefined {
    const { act, step } = run.now as Required<Moment>;
    if (act!.kind === 'wait' && act!.isEqual()) return undefined;
    if (act!.kind === 'notify' && this.threads.waitingAt(step!).length > 0) return undefined;
    const next = run.now.next(givenBy(act!));
    return next.isKnown || ++run.ahead > AHEAD ? undefined : next;
  }
}

/** What a step gives that neither puts its thread to sleep nor wakes another one. */
function givenBy(act: Act): unknown {
  if (act.kind === 'touch') return act.perform();
  return act.kind === 'wait' ? 'not-equal' : 0;
}

/** Steps that differ in nothing are one: there are millions of moments. */
class SameSteps {
  private readonly steps = new Map<string, Step>();

  get(step: Step): Step {
    const key = `${step.name} ${step.from} ${step.to}`;
    const known = this.steps.get(key);
    if (known !== undefined) return known;
    this.steps.set(key, step);
    return step;
  }
}
