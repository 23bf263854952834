import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as atomic from '../../src/memory/atomic.js';
import { TaskTable } from '../../src/memory/table.js';
import { TaskManager } from '../../src/tasks/task-manager.js';

test('waits that are aborted leave nothing behind', async (t) => {
  const { bytesOf, grow, replaceOperations, sizeOf, wordsOf } = atomic;
  const { add, and, compareExchange, load, notify, or, store, sub, wait } = Atomics;
  let asked = 0;
  const waitAsync = ((...args: Parameters<typeof Atomics.waitAsync>) => {
    asked++;
    return Atomics.waitAsync(...args);
  }) as typeof Atomics.waitAsync;
  const operations = { add, and, compareExchange, load, notify, or, store, sub, wait, waitAsync };
  const views = { bytesOf, grow, sizeOf, wordsOf };
  replaceOperations({ ...operations, ...views });
  t.after(() => replaceOperations({ ...operations, ...views, waitAsync: Atomics.waitAsync }));
  const tasks = new TaskManager(TaskTable.create());
  tasks.define([{ id: 'a' }, { id: 'b', dependencies: ['a'] }]);
  tasks.claim();
  for (let time = 0; time < 100; time++) {
    const stop = new AbortController();
    const waiting = tasks.waitForWork({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(waiting, { message: 'enough' });
  }
  const waiting = [tasks.waitForWork(), tasks.waitForWork(), tasks.waitForWork({ timeout: 60_000 })];
  assert.equal(await tasks.waitForWork({ timeout: 1 }), 'timed-out');
  tasks.complete('a');
  assert.deepEqual(await Promise.all(waiting), ['woken', 'woken', 'woken']);
  assert.equal(asked, 1);
});
