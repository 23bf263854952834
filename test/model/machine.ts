import { type Body, Learner } from './learner.js';
import { MeetingPlaces } from './meeting-places.js';
import { DEATH, describePlace, type Mark, type Step } from './memory.js';
import type { Model } from './model.js';
import { Moment } from './moment.js';

/** What a thread is: it can go on, or waits for a notification, or has come to its end. */
export type Status = 'ready' | 'waiting' | 'done' | 'dead';

/** What a thread may come to next: its step, or that its wait is over before anybody has notified it, or its death. */
export type Happening = 'step' | 'timeout' | 'death';

/** What has happened at a place. */
export interface Effect {
  readonly step: Step;
  /** Whether there is another value now, or another thread waits, or one no longer. */
  readonly changes: boolean;
  readonly isWait: boolean;
}

interface Told {
  readonly thread: number;
  readonly step: Step;
  readonly value: unknown;
}

/** A moment of all threads. */
export interface MachineMark {
  readonly memory: Mark;
  readonly moments: readonly Moment[];
  readonly statuses: readonly Status[];
  readonly waiting: readonly number[];
  readonly told: number;
}

/** The threads of a model and their memory. Each stands before its next step that another one may see: what nobody sees is done at once. */
export class Machine<Shared> {
  private readonly places = new MeetingPlaces();
  /** Threads with the same body have the same number. */
  readonly kinds: readonly number[];
  moments: Moment[] = [];
  statuses: Status[] = [];
  /** Threads that wait, who has waited for longest first. */
  waiting: readonly number[] = [];
  private readonly model: Model<Shared>;
  private readonly learner: Learner;
  private readonly bodies: readonly Body[];
  private beginnings: readonly Moment[];
  private readonly shared: () => Shared;
  /** Memory as `setup` has made it. */
  private start: Mark | undefined;
  private told: Told[] = [];

  constructor(model: Model<Shared>) {
    this.model = model;
    this.learner = new Learner(this.places, {
      isDead: (thread) => this.statuses[thread] === 'dead',
      waitingAt: (step) => this.waitingAt(step),
    });
    this.kinds = kindsOf(model);
    let shared: Shared | undefined;
    this.shared = () => (shared ??= model.setup());
    this.bodies = model.threads.map((body, thread) => ({
      threads: [...this.kinds.keys()].filter((other) => this.kinds[other] === this.kinds[thread]),
      run: (world) => body(this.shared(), world),
    }));
    this.beginnings = this.newBeginnings();
  }

  get memory() {
    return this.learner.memory;
  }

  private newBeginnings(): Moment[] {
    const beginnings = this.kinds.map(() => new Moment());
    return this.kinds.map((kind) => beginnings[kind]!);
  }

  /** Whether threads have met at places where no switch was possible so far. */
  get hasMetElsewhere(): boolean {
    return this.places.hasFound;
  }

  /** Makes a switch possible there, from the next `begin` on. What is known of the threads leaps over such places, so it is forgotten. */
  learnPlaces(): void {
    this.places.adopt();
    this.beginnings = this.newBeginnings();
  }

  /** All threads are at their beginnings. */
  begin(): void {
    this.shared();
    this.start ??= this.memory.mark();
    const statuses = this.kinds.map(() => 'ready' as const);
    this.back({ memory: this.start, moments: this.beginnings, statuses, waiting: [], told: 0 });
    for (const thread of this.kinds.keys()) this.settle(thread);
  }

  /** For `back`. */
  mark(): MachineMark {
    const { moments, statuses, waiting, told } = this;
    const memory = this.memory.mark();
    return { memory, moments: moments.slice(), statuses: statuses.slice(), waiting, told: told.length };
  }

  /** As it was then. */
  back({ memory, moments, statuses, waiting, told }: MachineMark): void {
    this.memory.back(memory);
    this.moments = moments.slice();
    this.statuses = statuses.slice();
    this.waiting = waiting;
    this.told.length = told;
  }

  isReady(thread: number): boolean {
    return this.statuses[thread] === 'ready';
  }

  /** Whether it makes a difference to a thread that is ready if others go first. */
  isSeen(thread: number): boolean {
    return this.moments[thread]!.isVisible;
  }

  /** Memory as it is at a death may be looked at afterwards by anybody, so every change counts. */
  mayDie(thread: number): boolean {
    if (thread !== this.model.mortal) return false;
    if (this.statuses[thread] === 'waiting') return true;
    const moment = this.moments[thread]!;
    return this.isReady(thread) && (moment.step!.writes || moment.isVisible);
  }

  /** Whether a thread waits that may do so for too long. */
  mayTimeOut(thread: number): boolean {
    const { act } = this.moments[thread]!;
    return this.statuses[thread] === 'waiting' && act!.kind === 'wait' && act!.timesOut;
  }

  make(thread: number, happening: Happening): Effect {
    if (happening === 'timeout') return this.timeOut(thread);
    if (happening === 'death') return this.die(thread);
    const effect = this.perform(thread);
    this.settle(thread);
    return effect;
  }

  /** When no thread can go on. @returns what does not hold */
  judge(): string | undefined {
    if (this.waiting.length > 0) return `thread ${this.waiting[0]} sleeps for ever`;
    const failed = this.moments.find(({ end }) => end?.error !== undefined);
    if (failed !== undefined) {
      const error = failed.end!.error as Error;
      return String(error.stack ?? error);
    }
    try {
      this.model.check(
        this.shared(),
        this.moments.map(({ end }) => end?.result),
        this.learner,
      );
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The steps since `begin`, for a person. */
  explain(): string[] {
    return this.told.map(
      ({ thread, step, value }) =>
        `thread ${thread}: ${step.name} ${describePlace(step.from)} gives ${String(value)}`,
    );
  }

  private timeOut(thread: number): Effect {
    const step = this.moments[thread]!.step!;
    this.tell(thread, step, 'timed-out');
    this.awaken(thread, 'timed-out');
    return { step, changes: true, isWait: true };
  }

  private die(thread: number): Effect {
    this.statuses[thread] = 'dead';
    this.waiting = this.waiting.filter((other) => other !== thread);
    this.places.learn(DEATH, thread);
    this.tell(thread, DEATH, '');
    return { step: DEATH, changes: true, isWait: false };
  }

  /** To the next step that others may see. */
  private settle(thread: number): void {
    while (this.isReady(thread)) {
      const moment = this.leap(thread, this.moments[thread]!);
      this.moments[thread] = moment;
      if (moment.end !== undefined) this.statuses[thread] = 'done';
      else if (this.mustStop(thread, moment)) return;
      else this.perform(thread);
    }
  }

  private leap(thread: number, from: Moment): Moment {
    if (from.leap !== undefined) {
      this.memory.write(from.leap.writes);
      return from.leap.to;
    }
    const { written } = this.memory;
    let to = this.known(thread, from);
    while (to.act?.kind === 'touch' && !this.mustStop(thread, to)) {
      const next = to.next(to.act.perform());
      // There may be very many such moments, and this one is never stopped at.
      to.act = undefined;
      to = this.known(thread, next);
    }
    from.leap = { to, writes: this.memory.writtenSince(written) };
    return to;
  }

  private known(thread: number, moment: Moment): Moment {
    if (moment.isKnown) return moment;
    this.learner.learn(moment, this.bodies[thread]!);
    return moment;
  }

  private mustStop(thread: number, moment: Moment): boolean {
    return moment.isVisible || (thread === this.model.mortal && moment.step!.writes);
  }

  private perform(thread: number): Effect {
    const { step, act } = this.moments[thread] as Required<Moment>;
    const isWait = act!.kind === 'wait';
    if (act!.kind === 'wait' && act!.isEqual()) {
      this.statuses[thread] = 'waiting';
      this.waiting = [...this.waiting, thread];
      this.tell(thread, step!, 'asleep');
      return { step: step!, changes: true, isWait };
    }
    const { written } = this.memory;
    const value = this.valueOf(this.moments[thread]!);
    this.tell(thread, step!, value);
    this.moments[thread] = this.moments[thread]!.next(value);
    const hasWoken = act!.kind === 'notify' && value !== 0;
    return { step: step!, changes: hasWoken || this.memory.written !== written, isWait };
  }

  private valueOf({ act, step }: Moment): unknown {
    if (act!.kind === 'touch') return act!.perform();
    if (act!.kind === 'wait') return 'not-equal';
    const woken = this.waitingAt(step!).slice(0, act!.count);
    for (const thread of woken) this.awaken(thread, 'ok');
    return woken.length;
  }

  private waitingAt({ from }: Step): number[] {
    return this.waiting.filter((thread) => this.moments[thread]!.step!.from === from);
  }

  private awaken(thread: number, value: 'ok' | 'timed-out'): void {
    this.statuses[thread] = 'ready';
    this.waiting = this.waiting.filter((other) => other !== thread);
    this.moments[thread] = this.moments[thread]!.next(value);
    this.settle(thread);
  }

  private tell(thread: number, step: Step, value: unknown): void {
    this.told.push({ thread, step, value });
  }
}

/** Of each thread, the first one with its body; one that may die is unlike all others. */
function kindsOf<Shared>({ threads, mortal }: Model<Shared>): number[] {
  return threads.map((body, thread) =>
    thread === mortal ? thread : threads.findIndex((other, at) => other === body && at !== mortal),
  );
}
