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
   * What each thread does, from its own view of the memory on. It is run again from the beginning whenever it goes on, with what
   * its steps gave before; so it may keep nothing outside, and depends on nothing but memory.
   */
  readonly threads: readonly Body<Shared>[];
  /** After every execution, with what the threads have returned. @throws if something does not hold */
  check(shared: Shared, results: readonly unknown[], world: World): void;
  /** A thread that may die before any of its steps. */
  readonly mortal?: number;
}

export interface Exploration {
  readonly executions: number;
  /** What does not hold, and the steps that lead there; undefined if all holds. */
  readonly failure: string | undefined;
  /** False if the time was over. */
  readonly isComplete: boolean;
}

export interface Bounds {
  /** How often a thread that could go on is stopped in one execution, or one that waits goes on because its time is over while others could go on. */
  readonly preemptions: number;
  /** After so many seconds no further execution begins. */
  readonly seconds?: number;
}
