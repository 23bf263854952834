import { TaskStatus } from '../../../src/task.js';
import type { LoggedCall } from './history.js';
import { hasStarted, leadsTo } from './specification.js';

/**
 * Starts of a task at whose time a dependency was certainly not Completed.
 *
 * The two are not one linearisable object, nor meant to be: a start takes effect by its swap, and looks at the count of dependencies
 * before it. What is promised is that there was a moment, while the start was under way, at which the task was Pending and all
 * dependencies were Completed. By the stamps, a dependency may have been Completed at some moment of the start unless every time that it became so
 * was after the start, or was followed by another change that was over before the start. So no error is invented by this, though
 * one may be missed.
 */
export function earlyStarts(
  history: readonly LoggedCall[],
  dependency: readonly LoggedCall[],
  wasCompleted: boolean,
): LoggedCall[] {
  // Late ones first: there the answer is.
  const changes = dependency.filter((call) => leadsTo(call) !== undefined).toReversed();
  const completions = changes.filter((call) => leadsTo(call) === TaskStatus.Completed);
  const others = changes.filter((call) => leadsTo(call) !== TaskStatus.Completed);
  const before = { invoked: Number.NEGATIVE_INFINITY, responded: Number.NEGATIVE_INFINITY };
  const all = wasCompleted ? [...completions, before] : completions;
  return history
    .filter(hasStarted)
    .filter(
      (start) =>
        !all.some(
          (completion) =>
            completion.invoked <= start.responded &&
            !others.some((other) => other.invoked > completion.responded && other.responded < start.invoked),
        ),
    );
}
