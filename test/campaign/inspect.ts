/**
 * `node inspect.js DIRECTORY`: opens a state for reading, checks all that is stored, and prints what it says as JSON. A
 * process of its own: a damaged store must not end the campaign.
 */
import { openState } from '../../src/index.js';
import { TaskStatus } from '../../src/task.js';

export interface Inspection {
  /** What is wrong with the store; empty if nothing is. */
  readonly problems: readonly string[];
  readonly completed: readonly string[];
}

await using state = await openState({ directory: process.argv[2]!, readOnly: true });
const { problems } = await state.verify();
const completed = [...state.tasks.list({ status: TaskStatus.Completed })].map(({ id }) => id);
process.stdout.write(JSON.stringify({ problems, completed } satisfies Inspection));
