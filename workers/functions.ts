import { Caller } from '../src/engine/function/caller.js';
import type { CallJob, ServeJob } from '../src/engine/function/messages.js';
import { serve as serveTasks } from '../src/engine/function/serve.js';
import { DONE } from '../src/thread.js';

// What the threads that call functions can do (see `FunctionThreads`).

/** Calls what it claims itself. */
export async function serve(job: ServeJob): Promise<typeof DONE> {
  await serveTasks(job);
  return DONE;
}

/** One call; what comes of it is said at the port. */
export async function call(job: CallJob): Promise<typeof DONE> {
  const { attempt, port, row, task } = job;
  const caller = new Caller(job, port, () => task);
  caller.tell({ type: 'began', row });
  const end = await caller.call({ row, call: job.call, attempt });
  caller.report(end ?? { type: 'ended', row });
  port.close();
  return DONE;
}
