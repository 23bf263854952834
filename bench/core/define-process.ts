import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { definitions, MILLION, openCore } from './graphs.js';

/**
 * Defines a million tasks in this fresh process and prints what it took: milliseconds, and megabytes of resident
 * memory that stay when the definitions are gone.
 */
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
gc();
const before = process.memoryUsage.rss();
const core = openCore();
const ms = defineMillion();
gc();
gc();
const resident = (process.memoryUsage.rss() - before) / 1e6;
process.stdout.write(JSON.stringify({ ms, resident, tasks: core.tasks.counts().total }));

/** In a function of its own, so that nothing keeps the definitions alive. */
function defineMillion(): number {
  const list = definitions(MILLION);
  const start = performance.now();
  core.tasks.define(list);
  return performance.now() - start;
}
