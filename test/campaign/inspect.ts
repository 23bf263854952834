/**
 * `node inspect.js DIRECTORY [write]`: verifies a state, and prints what it says as JSON. A process of its own, because a
 * damaged file may crash LMDB. `write`: as one who writes, who migrates and recovers what has to be.
 */
import { openState } from 'millrace';
import { TaskStatus } from '../../src/task.js';

/** What a state says. */
export interface Inspection {
  /** What is wrong with the store; empty if nothing is. */
  readonly problems: readonly string[];
  readonly completed: readonly string[];
}

await using state = await openState({ directory: process.argv[2]!, readOnly: process.argv[3] !== 'write' });
const { problems } = await state.verify();
const completed = [...state.tasks.list({ status: TaskStatus.Completed })].map(({ id }) => id);
process.stdout.write(JSON.stringify({ problems, completed } satisfies Inspection));
