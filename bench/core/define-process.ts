import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { definitions, MILLION, openCore } from './graphs.js';

/**
 * Defines a million tasks in this fresh process and prints what it took: milliseconds, and megabytes of resident
 * memory that stay when the definitions are gone. Their strings are concatenated, as `name + '#' + task` is, so V8 makes each
 * flat when it is first looked into; with "parsed" as argument they come out of JSON, flat already.
 */
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
gc();
const before = process.memoryUsage.rss();
const core = await openCore();
const ms = defineMillion();
gc();
gc();
const resident = (process.memoryUsage.rss() - before) / 1e6;
process.stdout.write(JSON.stringify({ ms, resident, tasks: core.tasks.counts().total }));

/** In a function of its own, so that nothing keeps the definitions alive. */
function defineMillion(): number {
  const made = definitions(MILLION);
  const list = process.argv[2] === 'parsed' ? (JSON.parse(JSON.stringify(made)) as typeof made) : made;
  const start = performance.now();
  core.tasks.define(list);
  return performance.now() - start;
}
