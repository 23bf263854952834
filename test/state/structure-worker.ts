import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { attachState, type StateHandle } from 'millrace';

/** What a worker is to do. */
export interface StructureInput {
  readonly handle: StateHandle;
  readonly name: string;
  readonly how: 'for ever' | 'exit' | 'hang' | 'together';
}

/** What a task has made: another name for each. */
export function artifactOf(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}

/** How many pairs of tasks a worker keeps. */
export const KEPT = 4;

if (parentPort !== null) {
  const { handle, name, how } = workerData as StructureInput;
  const state = attachState(handle);
  const { tasks, graph } = state;
  for (let turn = 0; how === 'together'; turn++) {
    for (const action of ['start', 'release'] as const) {
      state.transaction(() => {
        tasks[action]('x');
        tasks[action]('y');
      });
    }
    if (turn === 0) parentPort.postMessage('far');
  }
  for (let turn = 0; ; turn++) {
    try {
      state.transaction(() => {
        tasks.define({ id: `${name}-${turn}-b` });
        tasks.define({ id: `${name}-${turn}-a`, command: `make ${turn}` });
        if (how === 'exit') process.exit(0);
        graph.add(`${name}-${turn}-b`, `${name}-${turn}-a`);
        tasks.start(`${name}-${turn}-a`);
        if (how === 'hang') parentPort!.postMessage('hangs');
        while (how === 'hang');
        tasks.setArtifact(`${name}-${turn}-a`, artifactOf(`${name}-${turn}-a`));
        tasks.complete(`${name}-${turn}-a`);
        // Also the one that the turn before should have removed, if that was taken back.
        for (const old of [turn - KEPT, turn - KEPT - 1].map((at) => `${name}-${at}`)) {
          if (tasks.has(`${old}-a`)) tasks.remove([`${old}-a`, `${old}-b`]);
        }
        if (turn % 5 === 4) throw new Error('on purpose');
      });
    } catch (error) {
      if ((error as Error).message !== 'on purpose') throw error;
    }
    if (turn === 2 * KEPT) parentPort!.postMessage('far');
  }
}
