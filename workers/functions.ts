import { Caller } from '../src/engine/function/caller.js';
import type { CallJob } from '../src/engine/function/messages.js';

// What the threads that call functions can do (see `FunctionThreads`).

export { serve } from '../src/engine/function/serve.js';

/** One call; what comes of it is said at the port. */
export async function call(job: CallJob): Promise<void> {
  const { attempt, port, row, task } = job;
  const caller = new Caller(job, port, () => task);
  caller.tell({ type: 'began', row });
  const end = await caller.call({ row, call: job.call, attempt });
  caller.report(end ?? { type: 'ended', row });
  port.close();
}
