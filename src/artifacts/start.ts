import type { WaysBefore } from './ways.js';

/** The moment before a command is started, or outputs are restored in its place: what is otherwise after it was changed since. */
export interface Start {
  /** `Date.now()`. */
  readonly at: number;
  /** The scanner's. */
  readonly moment: number;
  /** To the inputs. */
  readonly ways: WaysBefore;
}
