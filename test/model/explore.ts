import { type Effect, type Happening, Machine, type MachineMark } from './machine.js';
import type { Bounds, Exploration, Model } from './model.js';
import { after, among, asleep, isAsleep, NOBODY, type SleepSet } from './sleep-set.js';
import { keyOf, orderOf, permute, permuteBack } from './state-key.js';
import { States } from './states.js';

/** Who goes on. */
interface Turn {
  readonly thread: number;
  readonly kind: Happening;
}

/** So often is the time looked at. */
const EXECUTIONS_PER_LOOK = 16;

interface Choice {
  readonly turns: readonly Turn[];
  at: number;
  readonly from: State;
  /** Whether the first turn, if that is the running thread's, changes something. */
  changes: boolean;
}

/** Where the exploration is, beside the machine. */
interface Path {
  /** The thread that went on last; -1 if none has, or it need not be asked who is next. */
  readonly last: number;
  readonly preemptions: number;
  readonly sleepSet: SleepSet;
}

interface State extends Path {
  readonly machine: MachineMark;
}

/**
 * A model checker in the manner of CHESS (Musuvathi et al., OSDI 2008: context bounds) and loom: all interleavings of a
 * few threads, with at most so many preemptions, of the real code. A switch is possible before each step on a word that
 * several threads touch and one of them writes; which these are is learned, and the exploration begins anew until no more are found.
 *
 * The code is not run again for every interleaving: what a thread does depends on what its steps have given, and is remembered (see moment.ts). An execution ends
 * at a state that was met before (see state-key.ts), and where it would only order steps otherwise that commute (see sleep-set.ts).
 *
 * Memory is sequentially consistent here, as it is for atomic operations; plain ones are steps like any other.
 */
export class Explorer<Shared> {
  private readonly machine: Machine<Shared>;
  private readonly bounds: Bounds;
  /** Preemptions that are allowed now. */
  private allowed = 0;
  private path: Path = { last: -1, preemptions: 0, sleepSet: NOBODY };
  private choices: Choice[] = [];
  private readonly states = new States();
  private executions = 0;

  constructor(model: Model<Shared>, bounds: Bounds) {
    this.machine = new Machine(model);
    this.bounds = bounds;
  }

  get memory() {
    return this.machine.memory;
  }

  /** With one preemption more each time: what comes first is where most mistakes are (CHESS), and most places where threads meet. */
  explore(): Exploration {
    for (this.allowed = 0; this.allowed <= this.bounds.preemptions; this.allowed++) {
      const found = this.exploreAllowed();
      const { executions } = this;
      if (found === 'time is over') return { executions, failure: undefined, complete: this.allowed - 1 };
      if (found !== undefined) return { executions, failure: found, complete: this.allowed - 1 };
    }
    return { executions: this.executions, failure: undefined, complete: this.bounds.preemptions };
  }

  private exploreAllowed(): string | undefined {
    const end = performance.now() + (this.bounds.seconds ?? Number.POSITIVE_INFINITY) * 1000;
    this.begin();
    for (;;) {
      this.executions++;
      const problem = this.execute();
      if (problem !== undefined) return [problem, ...this.machine.explain()].join('\n  ');
      if (this.machine.hasMetElsewhere) {
        this.machine.learnPlaces();
        this.begin();
      } else if (!this.goBack()) {
        return undefined;
      }
      if (this.executions % EXECUTIONS_PER_LOOK === 0 && performance.now() >= end) return 'time is over';
    }
  }

  private begin(): void {
    this.choices = [];
    this.states.clear();
    this.path = { last: -1, preemptions: 0, sleepSet: NOBODY };
    this.machine.begin();
  }

  /** From where it is to the end of an execution. @returns what does not hold */
  private execute(): string | undefined {
    const { machine } = this;
    while (!machine.hasMetElsewhere) {
      if (this.isRunning() && machine.moments[this.path.last]!.spinsForEver)
        return `thread ${this.path.last} spins for ever`;
      const isOver = !machine.statuses.includes('ready');
      if (isOver && this.timeOut()) continue;
      const turns = isOver ? [] : this.turns();
      if (turns.length === 1) {
        this.follow(turns[0]!);
        continue;
      }
      if (!isOver && turns.length === 0) return undefined;
      if (!this.isNew()) return undefined;
      if (isOver) return machine.judge();
      this.choose();
    }
    return undefined;
  }

  private choose(): void {
    const choice = {
      turns: this.turns(),
      at: 0,
      from: { ...this.path, machine: this.machine.mark() },
      changes: false,
    };
    this.choices.push(choice);
    const effect = this.follow(choice.turns[0]!);
    choice.changes = effect.changes;
  }

  /** To where another turn is left, depth first, and makes it; false if there is none. */
  private goBack(): boolean {
    for (;;) {
      const choice = this.choices.at(-1);
      if (choice === undefined) return false;
      if (++choice.at < choice.turns.length) {
        this.takeInstead(choice);
        return true;
      }
      this.choices.pop();
    }
  }

  private takeInstead({ turns, at, from, changes }: Choice): void {
    const { machine, ...path } = from;
    this.machine.back(machine);
    this.path = path;
    const turn = turns[at]!;
    const { last, sleepSet } = path;
    const isLeft = turns[0]!.thread === last && turn.thread !== last;
    // If it could have died, that it makes its step is not all that was explored.
    if (isLeft && !this.bounds.isPlain && !this.machine.mayDie(last))
      this.path = { ...path, sleepSet: asleep(sleepSet, last, changes) };
    this.follow(turn);
  }

  /** Of threads that can go on, the one that runs first. */
  private turns(): Turn[] {
    const { machine, path } = this;
    const { last, preemptions, sleepSet } = path;
    const isRunning = this.isRunning();
    const isFree = !isRunning || this.mustYield();
    const mayPreempt = preemptions < this.allowed && (isFree || machine.isSeen(last));
    const turns: Turn[] = [];
    if (isRunning && !this.mustYield()) this.addTurns(turns, last);
    if (isFree || mayPreempt) {
      for (let thread = 0; thread < machine.statuses.length; thread++) {
        if (thread !== last && machine.isReady(thread) && !isAsleep(sleepSet, thread))
          this.addTurns(turns, thread);
      }
    }
    // That the time of a wait is over while others can go on counts as a preemption, and so does the death of one that sleeps.
    if (mayPreempt) {
      for (const thread of machine.waiting) {
        if (machine.mayTimeOut(thread)) turns.push({ thread, kind: 'timeout' });
        if (machine.mayDie(thread)) turns.push({ thread, kind: 'death' });
      }
    }
    return turns;
  }

  private addTurns(turns: Turn[], thread: number): void {
    turns.push({ thread, kind: 'step' });
    if (this.machine.mayDie(thread)) turns.push({ thread, kind: 'death' });
  }

  private isRunning(): boolean {
    return this.path.last >= 0 && this.machine.isReady(this.path.last);
  }

  /** It waits for one of the others. */
  private mustYield(): boolean {
    const { machine, path } = this;
    if (!machine.moments[path.last]!.isSpinning) return false;
    return machine.statuses.some((status, thread) => status === 'ready' && thread !== path.last);
  }

  private follow({ thread, kind }: Turn): Effect {
    const { machine } = this;
    const { last, sleepSet } = this.path;
    const isPreemption = kind === 'timeout' || (thread !== last && this.isRunning() && !this.mustYield());
    const preemptions = this.path.preemptions + Number(isPreemption);
    const effect = machine.make(thread, kind);
    this.path = { last: thread, preemptions, sleepSet: after(sleepSet, effect, machine.moments) };
    return effect;
  }

  /** When nothing else can happen, time passes: the one that waits for longest and only so long goes on. False if there is none. */
  private timeOut(): boolean {
    const { machine } = this;
    const thread = machine.waiting.find((one) => machine.mayTimeOut(one));
    if (thread === undefined) return false;
    machine.make(thread, 'timeout');
    this.path = { ...this.path, last: -1 };
    return true;
  }

  /** False if all that may follow was explored, or will be. */
  private isNew(): boolean {
    const { machine, path } = this;
    if (this.bounds.isPlain) return true;
    const running = this.isRunning() ? path.last : -1;
    const order = orderOf(machine, running, path.sleepSet.threads);
    const met = permute(path.sleepSet.threads, order);
    const visit = this.states.meet(keyOf(machine, running, order), {
      preemptions: path.preemptions,
      asleep: met,
    });
    if (visit === undefined) return false;
    const sleepSet = among(path.sleepSet, permuteBack(visit.asleep, order));
    this.path = { ...path, preemptions: visit.preemptions, sleepSet };
    return true;
  }
}
