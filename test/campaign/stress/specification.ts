import { OUTCOMES, type Outcome, STATUS_NAMES, TaskStatus } from '../../../src/task.js';

/**
 * One task, as it behaves if one call comes after the other: the table of transitions in `src/task.ts`, the count of attempts, and
 * the epoch, which each change moves on by one. What threads did to a task must be explained by some order of such calls.
 */

const { Pending, InProgress, Completed, Failed } = TaskStatus;

/** Status, outcome, attempt and epoch, packed into 31 bits: the fields of the status word, in an order of our own. */
export type State = number;

const OUTCOME = 2;
const ATTEMPT = 6;
const EPOCH = 13;
const MAX_ATTEMPT = 127;
/** The epoch begins again after so many changes. */
const EPOCHS = 2 ** 18;
/** The bits that `get` tells of at one moment: all but the epoch. */
const TOLD = 2 ** EPOCH - 1;

export interface Facts {
  readonly status: TaskStatus;
  readonly outcome: Outcome;
  readonly attempt: number;
  readonly epoch: number;
}

export function pack({ status, outcome, attempt, epoch }: Facts): State {
  return status | (OUTCOMES.indexOf(outcome) << OUTCOME) | (attempt << ATTEMPT) | (epoch << EPOCH);
}

export function unpack(state: State): Facts {
  return {
    status: statusOf(state),
    outcome: OUTCOMES[(state >>> OUTCOME) & 0b1111] ?? 'none',
    attempt: (state >>> ATTEMPT) & MAX_ATTEMPT,
    epoch: state >>> EPOCH,
  };
}

const statusOf = (state: State): TaskStatus => (state & 0b11) as TaskStatus;

/** What a result is if it is no value that was read. */
export const DONE = -1;
export const REFUSED = -2;

export interface Call {
  readonly action: Action;
  /** Of `complete epoch`, the epoch; of `update` and `taken back`, which of the `PAIRS`. */
  readonly argument: number;
  /** DONE, REFUSED, or the value that was read. */
  readonly result: number;
}

/** Calls that change the task, or are refused. */
const CHANGES = {
  claim: { from: [Pending], to: InProgress, outcome: 'none' },
  start: { from: [Pending], to: InProgress, outcome: 'none' },
  complete: { from: [InProgress], to: Completed, outcome: 'executed' },
  'complete epoch': { from: [InProgress], to: Completed, outcome: 'executed' },
  'complete fresh': { from: [InProgress, Pending], to: Completed, outcome: 'fresh' },
  fail: { from: [InProgress], to: Failed, outcome: 'failed' },
  release: { from: [InProgress], to: Pending, outcome: 'interrupted' },
  reset: { from: [Pending, Completed, Failed], to: Pending, outcome: 'none' },
  retry: { from: [Failed], to: Pending, outcome: 'failed' },
} satisfies Record<string, Change>;

interface Change {
  readonly from: readonly TaskStatus[];
  readonly to: TaskStatus;
  readonly outcome: Outcome;
}

/** Calls that read the task. */
const READS = {
  status: statusOf,
  get: (state: State): number => state & TOLD,
  epoch: (state: State): number => state >>> EPOCH,
} satisfies Record<string, (state: State) => number>;

type Plain = 'start' | 'complete' | 'fail' | 'release' | 'reset' | 'retry';

/** What `update` and `transaction` do to a task as one change, or not at all. */
export const PAIRS: readonly (readonly [Plain, Plain])[] = [
  ['reset', 'start'],
  ['start', 'complete'],
  ['start', 'fail'],
  ['complete', 'reset'],
  ['fail', 'retry'],
  ['release', 'start'],
];

export type ChangeName = keyof typeof CHANGES;
export type ReadName = keyof typeof READS;
/** A pair of changes that happened together, or was taken back. */
type PairName = 'update' | 'taken back';
export type Action = ChangeName | ReadName | PairName;

/** All actions that threads take; a log keeps their places in this list. */
export const ACTIONS: readonly Action[] = [
  ...(Object.keys(CHANGES) as ChangeName[]),
  ...(Object.keys(READS) as ReadName[]),
  'update',
  'taken back',
];

/**
 * The state after a call that had its result in this state; undefined if it cannot have had it.
 * @param mayWait whether the task has dependencies. Then a start may be refused in a task that is Pending, whatever the dependencies
 *   are by then: a count of those that are not Completed goes up before, and down after the fact (see `TaskTable`).
 */
export function apply(state: State, call: Call, mayWait = false): State | undefined {
  const { action, argument, result } = call;
  if (isRead(action)) return READS[action](state) === result ? state : undefined;
  const names = isPair(action) ? PAIRS[argument]! : [action];
  let now = state;
  for (const name of names) {
    const next = change(now, name, argument);
    const mayBeRefused = next === undefined || (mayWait && needsReady(name, now));
    if (result !== DONE && mayBeRefused) return takenBack(state, now);
    if (next === undefined) return undefined;
    now = next;
  }
  if (result !== DONE) return undefined;
  return action === 'taken back' ? takenBack(state, now) : now;
}

/** All is as before, but the epoch goes on from the one that was there in between: unless an attempt was under way, which goes on. */
function takenBack(before: State, undone: State): State {
  if (before === undone || statusOf(before) === InProgress) return before;
  return pack({ ...unpack(before), epoch: (unpack(undone).epoch + 1) % EPOCHS });
}

function change(state: State, name: ChangeName, argument: number): State | undefined {
  const { from, to, outcome }: Change = CHANGES[name];
  const now = unpack(state);
  if (!from.includes(now.status)) return undefined;
  if (name === 'complete epoch' && now.epoch !== argument) return undefined;
  const attempt =
    to === InProgress ? Math.min(MAX_ATTEMPT, now.attempt + 1) : name === 'reset' ? 0 : now.attempt;
  return pack({ status: to, outcome, attempt, epoch: (now.epoch + 1) % EPOCHS });
}

function needsReady(name: ChangeName, state: State): boolean {
  return name === 'start' || (name === 'complete fresh' && statusOf(state) === Pending);
}

function isPair(action: Action): action is PairName {
  return action === 'update' || action === 'taken back';
}

function isRead(action: Action): action is ReadName {
  return action in READS;
}

/** Whether a call leaves a task as it is, whenever it comes. */
export function changesNothing({ action, result }: Call): boolean {
  return isRead(action) || (result !== DONE && !isPair(action));
}

/** The status that a call has brought about; undefined if it has changed nothing. */
export function leadsTo({ action, argument, result }: Call): TaskStatus | undefined {
  if (result !== DONE || isRead(action) || action === 'taken back') return undefined;
  return CHANGES[action === 'update' ? PAIRS[argument]![1] : action].to;
}

/** Whether a call has begun an attempt, for which the task had to be ready. */
export function hasStarted({ action, argument, result }: Call): boolean {
  if (result !== DONE) return false;
  if (action === 'update') return PAIRS[argument]!.includes('start');
  return action === 'start' || action === 'claim';
}

/** For a person. */
export function describeCall({ action, argument, result }: Call): string {
  const what = isPair(action)
    ? `${action}(${PAIRS[argument]!.join(', ')})`
    : action === 'complete epoch'
      ? `complete({ epoch: ${argument} })`
      : action;
  if (result === DONE) return `${what}: done`;
  if (result === REFUSED) return `${what}: refused`;
  if (action === 'epoch') return `${what}: ${result}`;
  if (action === 'status') return `${what}: ${STATUS_NAMES[result]}`;
  const { status, outcome, attempt } = unpack(result);
  return `${what}: ${STATUS_NAMES[status]}, ${outcome}, attempt ${attempt}`;
}

/** For a person. */
export function describeState(state: State): string {
  const { status, outcome, attempt, epoch } = unpack(state);
  return `${STATUS_NAMES[status]}, ${outcome}, attempt ${attempt}, epoch ${epoch}`;
}
