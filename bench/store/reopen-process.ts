import { openState } from '../../src/state.js';

/** Opens the state in the directory given, in this fresh process, and prints how many milliseconds that took. */
const start = performance.now();
const state = await openState(process.argv[2]!);
const ms = performance.now() - start;
process.stdout.write(JSON.stringify({ ms, tasks: state.tasks.counts().total }));
await state.close();
