/** `node many-process.js DIRECTORY`: one owner and eight threads that define, claim and complete tasks of their own for a moment. */
import { Worker } from 'node:worker_threads';
import { openState } from 'millrace';

const THREADS = 8;
const MS = 300;

const code = `import(${JSON.stringify(import.meta.resolve('millrace'))}).then(({ attachState }) => {
  const { workerData: { handle, prefix } } = require('node:worker_threads');
  const { tasks, detach } = attachState(handle);
  const end = performance.now() + ${MS};
  for (let count = 0; performance.now() < end; count++) {
    const [row] = tasks.define([{ id: prefix + count }]);
    tasks.start(row);
    tasks.complete(row);
    if (count >= 50) tasks.remove(prefix + (count - 50));
  }
  detach();
});`;

await using state = await openState({ directory: process.argv[2]!, wait: 20_000 });
const handle = state.share();
const workers = Array.from({ length: THREADS }, (_, index) => {
  const workerData = { handle, prefix: `thread-${process.pid}-${index}-` };
  return new Promise<number>((resolve) => {
    new Worker(code, { eval: true, workerData }).once('exit', resolve);
  });
});
const failed = (await Promise.all(workers)).filter((exitCode) => exitCode !== 0);
await state.commit();
if (failed.length > 0) process.exitCode = 9;
const left = [...state.tasks.list()].filter(({ id }) => id.startsWith(`thread-${process.pid}-`));
if (left.some(({ status }) => status !== 2)) process.exitCode = 8;
state.tasks.remove(left.map(({ id }) => id));
