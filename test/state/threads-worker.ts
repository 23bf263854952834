import { parentPort, workerData } from 'node:worker_threads';
import { attachState, MillraceError, type Row, type StateHandle, TaskStatus } from 'millrace';
import { THIS_THREAD } from '../../src/memory/system-threads.js';

/** What a worker is to do after it has claimed a task. */
export interface WorkerInput {
  readonly handle: StateHandle;
  readonly then: 'exit' | 'throw' | 'memory' | 'spin' | 'park' | 'detach' | 'work';
}

const { handle, then } = workerData as WorkerInput;
const state = attachState(handle);
const { tasks } = state;

/** Takes a task back, if it is Completed. */
function takeBack(at: number): void {
  if (tasks.status(at as Row) !== TaskStatus.Completed) return;
  try {
    tasks.reset(at as Row);
  } catch (error) {
    // Another thread was faster, and holds it by now.
    if (!(error instanceof MillraceError) || error.code !== 'ILLEGAL_TRANSITION') throw error;
  }
}

const row = tasks.claim();
// That it has claimed a task; of one that spins there is something to say only later.
if (then !== 'spin') parentPort!.postMessage('claimed');
switch (then) {
  case 'exit':
    process.exit(0);
    break;
  case 'throw':
    throw new Error('on purpose');
  case 'memory':
    for (const all: unknown[] = []; ; ) all.push(new Array(1000).fill(all.length));
  case 'park':
    tasks.waitForWorkSync();
    break;
  case 'detach':
    state.detach();
    break;
  case 'work':
    if (row !== undefined) tasks.complete(row);
    break;
  case 'spin': {
    // Completes and takes back for ever, and never runs out of tasks: it is ended in the middle of something.
    const { total } = tasks.counts();
    for (let turn = 0, at = row; ; turn++, at = tasks.claim()) {
      if (turn === 2 * total) parentPort!.postMessage(THIS_THREAD.systemId);
      if (at !== undefined) tasks.complete(at);
      if (at === undefined || turn % 3 === 0) takeBack((turn * 7919) % total);
    }
  }
}
