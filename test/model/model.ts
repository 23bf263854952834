/** As a method's type, so that models of whatever memory fit into one list. */
type Body<Shared> = { run(shared: Shared, world: World): unknown }['run'];

/** What a thread of a model can ask beside memory. */
export interface World {
  /** Whether a thread has died. */
  isDead(thread: number): boolean;
}

/** What a model is made of: threads that run shipped code on shared memory, and what must hold whatever their order. */
export interface Model<Shared> {
  readonly name: string;
  /** Makes the memory, once; what was written is taken back for every execution. */
  setup(): Shared;
  /**
   * What each thread does, from its own view of the memory on. It is run again and again from the beginning, with what its steps gave before; so it may
   * keep nothing outside, and depends on nothing but memory. Threads with the same function are interchangeable: `check` may not tell which is which.
   */
  readonly threads: readonly Body<Shared>[];
  /** After every execution, with what the threads have returned. @throws if something does not hold */
  check(shared: Shared, results: readonly unknown[], world: World): void;
  /** A thread that may die before any of its steps, and while it sleeps. */
  readonly mortal?: number;
}

export interface Exploration {
  readonly executions: number;
  /** What does not hold, and the steps that lead there; undefined if all holds. */
  readonly failure: string | undefined;
  /** With how many preemptions all interleavings were explored and hold; -1 if not even without. */
  readonly complete: number;
}

export interface Bounds {
  /** How often a thread that could go on is stopped in one execution, or one that waits goes on because its time is over while others could go on. */
  readonly preemptions: number;
  /** After so many seconds for a number of preemptions, no further execution begins. */
  readonly seconds?: number;
  /** Every interleaving by itself, also those that only differ in the order of steps that commute, and of states that were met: to compare with. */
  readonly isPlain?: boolean;
}
