/**
 * Is a history linearisable: can all its operations be put into one order that agrees with the order in time of those that did not
 * overlap, and in which each has the result that it had? (Herlihy and Wing, "Linearizability: a correctness condition for concurrent
 * objects", TOPLAS 1990.) As that is a local property, the history of each task is judged by itself.
 *
 * The search is the one of Wing and Gong ("Testing and verifying concurrent objects", JPDC 1993): of the operations that are left, any
 * may come next that was invoked before all others had responded. In the form of Lowe ("Testing for linearizability", Concurrency and
 * Computation 2017) it remembers which sets of operations led to which state, and tries none twice. Operations of one thread do not
 * overlap, so such a set is how many of each thread's it holds. Two things keep it short:
 *
 * - An operation that changes nothing, wherever it comes, and may come next, comes next: an order in which it is later remains one without it.
 * - Where all operations so far have responded before the next one is invoked, nothing is open but the state. So the history is cut
 *   there, and each segment is searched for all the states that it may end in.
 */

export interface Operation {
  readonly thread: number;
  /** Moments on whatever clock: an operation is before another if its response is less than the other's invocation. */
  readonly invoked: number;
  /** Infinity: the operation is pending; it may have had its effect or not. */
  readonly responded: number;
}

/** How the object behaves. */
export interface Rules<Op> {
  /** The state after an operation that had its result in this state; undefined if it cannot have had it. */
  readonly apply: (state: number, operation: Op) => number | undefined;
  /** Whether an operation leaves each state as it is in which it can have had its result. */
  readonly changesNothing: (operation: Op) => boolean;
}

/** Operations that no order explains, as few as possible. */
export interface Violation<Op> {
  /** Some that came before, and can be explained. */
  readonly before: readonly Op[];
  /** How many operations more there are before the others, in one of the orders that get furthest; 0 if no order of them is to be told. */
  readonly placed: number;
  /** The states, one of which was there after those. */
  readonly from: readonly number[];
  readonly operations: readonly Op[];
}

/** How many of those that came before are told. */
const CONTEXT = 4;
/** So many operations are told as they are. */
const FEW = 8;

/**
 * @param history of one task; of each thread in the order of its operations
 */
export function findViolation<Op extends Operation>(
  history: readonly Op[],
  initial: number,
  rules: Rules<Op>,
): Violation<Op> | undefined {
  let states = new Set([initial]);
  let before: Op[] = [];
  for (const segment of segments(history)) {
    const after = statesAfter(segment, states, rules);
    if (after.size === 0) {
      const operations = reduce(segment, states, rules);
      return operations.length > FEW
        ? furthest(operations, states, rules)
        : { before, placed: 0, from: [...states], operations };
    }
    before = [...before, ...segment.filter((operation) => !rules.changesNothing(operation))].slice(-CONTEXT);
    states = after;
  }
  return undefined;
}

function segments<Op extends Operation>(history: readonly Op[]): Op[][] {
  const found: Op[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  // A stable sort: operations of one call remain in their order.
  for (const operation of history.toSorted((a, b) => a.invoked - b.invoked)) {
    if (operation.invoked > end) found.push([]);
    found.at(-1)!.push(operation);
    end = Math.max(end, operation.responded);
  }
  return found;
}

function statesAfter<Op extends Operation>(
  segment: readonly Op[],
  from: Iterable<number>,
  rules: Rules<Op>,
): Set<number> {
  const search = new Search(segment, rules);
  for (const state of from) search.run(state);
  return search.ends;
}

/** How much of each thread's operations has had its place, and the state that this led to. */
interface Node {
  readonly places: Uint32Array;
  readonly state: number;
}

/** What may come next. */
interface Step {
  readonly thread: number;
  readonly after: number;
  readonly isIdle: boolean;
}

class Search<Op extends Operation> {
  readonly ends = new Set<number>();
  /** The node with most operations placed. */
  private best: Node | undefined;
  private most = -1;
  private readonly threads: readonly (readonly Op[])[];
  private readonly rules: Rules<Op>;
  private readonly seen = new Set<string>();

  constructor(segment: readonly Op[], rules: Rules<Op>) {
    const threads = new Map<number, Op[]>();
    for (const operation of segment) {
      const own = threads.get(operation.thread);
      if (own === undefined) threads.set(operation.thread, [operation]);
      else own.push(operation);
    }
    this.threads = [...threads.values()];
    this.rules = rules;
  }

  run(initial: number): void {
    const open: Node[] = [{ places: new Uint32Array(this.threads.length), state: initial }];
    for (let node = open.pop(); node !== undefined; node = open.pop()) this.expand(node, open);
  }

  get furthest(): { placed: Op[]; left: Op[]; state: number } | undefined {
    const { best, threads } = this;
    if (best === undefined) return undefined;
    const placed = threads.flatMap((operations, thread) => operations.slice(0, best.places[thread]!));
    const left = threads.flatMap((operations, thread) => operations.slice(best.places[thread]!));
    return { placed, left, state: best.state };
  }

  private expand({ places, state }: Node, open: Node[]): void {
    for (;;) {
      const steps = this.steps(places, state);
      if (steps === undefined) this.ends.add(state);
      const idle = steps?.find(({ isIdle }) => isIdle);
      if (idle === undefined) {
        this.note({ places, state });
        for (const { thread, after } of steps ?? []) this.open(places, thread, after, open);
        return;
      }
      places[idle.thread]!++;
    }
  }

  private note(node: Node): void {
    const placed = node.places.reduce((sum, count) => sum + count, 0);
    if (placed <= this.most) return;
    this.most = placed;
    this.best = node;
  }

  private open(places: Uint32Array, thread: number, state: number, open: Node[]): void {
    const next = places.slice();
    next[thread]!++;
    const key = `${next.join()}:${state}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    open.push({ places: next, state });
  }

  /** What may come next, and the states it leads to; undefined if nothing is left that must come. */
  private steps(places: Uint32Array, state: number): Step[] | undefined {
    const heads = this.threads.map((operations, thread) => operations[places[thread]!]);
    const deadline = Math.min(...heads.map((head) => head?.responded ?? Number.POSITIVE_INFINITY));
    if (deadline === Number.POSITIVE_INFINITY) return undefined;
    const steps: Step[] = [];
    heads.forEach((head, thread) => {
      if (head === undefined || head.invoked > deadline) return;
      const after = this.rules.apply(state, head);
      if (after !== undefined) steps.push({ thread, after, isIdle: this.rules.changesNothing(head) });
    });
    return steps;
  }
}

/** Leaves out what is not needed to show that a segment is not linearisable. */
function reduce<Op extends Operation>(
  segment: readonly Op[],
  from: ReadonlySet<number>,
  rules: Rules<Op>,
): readonly Op[] {
  const isViolation = (operations: readonly Op[]): boolean => statesAfter(operations, from, rules).size === 0;
  let operations = shortestPrefix(segment, isViolation);
  for (let size = operations.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < operations.length; at += size) {
      const isLeft = (operation: Op, index: number): boolean =>
        index < at || index >= at + size || !rules.changesNothing(operation);
      const fewer = operations.filter(isLeft);
      if (fewer.length < operations.length && isViolation(fewer)) operations = fewer;
    }
  }
  return operations;
}

/**
 * While one thread is kept from running in the midst of an operation, others make many, and all of them are one segment. Then only the end is
 * told: what is left in an order that gets as far as any.
 */
function furthest<Op extends Operation>(
  segment: readonly Op[],
  from: Iterable<number>,
  rules: Rules<Op>,
): Violation<Op> {
  const search = new Search(segment, rules);
  for (const state of from) search.run(state);
  const { placed, left, state } = search.furthest!;
  return {
    before: placed.toSorted((a, b) => a.invoked - b.invoked).slice(-CONTEXT),
    placed: placed.length,
    from: [state],
    operations: left,
  };
}

/**
 * The history up to some response, of which the shortest is looked for that is a violation. What had not responded by then is pending
 * in it, and known to have the result it had, if any.
 */
function shortestPrefix<Op extends Operation>(
  segment: readonly Op[],
  isViolation: (operations: readonly Op[]) => boolean,
): readonly Op[] {
  const ends = segment.map(({ responded }) => responded).toSorted((a, b) => a - b);
  const upTo = (end: number): Op[] =>
    segment
      .filter(({ invoked }) => invoked <= end)
      .map((operation) =>
        operation.responded > end ? { ...operation, responded: Number.POSITIVE_INFINITY } : operation,
      );
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isViolation(upTo(ends[middle]!))) high = middle;
    else low = middle + 1;
  }
  return upTo(ends[high]!);
}
