import type { CallJob, ServeJob } from '../src/engine/function/messages.js' with {
  'resolution-mode': 'import',
};

/*
 * What piscina loads, by `require`, for the threads that call functions (see function-threads.ts). It is CommonJS because such a thread may be
 * ended at any moment, and Node.js 20 aborts the process if that happens while an ES module is required (`v8::Module::IsGraphAsync`).
 */
module.exports = {
  serve: async (job: ServeJob): Promise<void> => (await import('./function-calls.js')).serve(job),
  call: async (job: CallJob): Promise<void> => (await import('./function-calls.js')).call(job),
};
