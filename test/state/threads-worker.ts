import { parentPort, workerData } from 'node:worker_threads';
import { attachState, type StateHandle } from 'millrace';

/** What a worker is to do after it has claimed a task. */
export interface WorkerInput {
  readonly handle: StateHandle;
  readonly then: 'exit' | 'throw' | 'memory' | 'spin' | 'park' | 'detach' | 'work';
}

const { handle, then } = workerData as WorkerInput;
const state = attachState(handle);
const { tasks } = state;

const row = tasks.claim();
parentPort!.postMessage(row);
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
  case 'spin':
    // Completes and takes back for ever: it is ended in the middle of something.
    for (let turn = 0, at = row; ; turn++, at = tasks.claim()) {
      if (turn === 20_000) parentPort!.postMessage('far');
      if (at === undefined) continue;
      tasks.complete(at);
      if (turn % 3 === 0) tasks.reset(at);
    }
}
