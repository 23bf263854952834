import assert from 'node:assert/strict';
import { chmodSync, truncateSync } from 'node:fs';
import { test } from 'node:test';
import { run, stored } from './cache-support.js';
import { eventsOf, Project, summary } from './rig.js';

test('each task whose kept files are damaged is named, also if many are restored at a time', async (t) => {
  const ids = Array.from({ length: 8 }, (_, index) => `t${index}`);
  const project = new Project(t, {});
  project.writeTasks(
    Object.fromEntries(ids.map((id) => [id, { command: `echo ${id} > out-${id}`, outputs: [`out-${id}`] }])),
  );
  await run(project);
  for (const kind of ['blobs', 'actions'] as const) {
    for (const path of stored(project, kind)) {
      chmodSync(path, 0o600);
      truncateSync(path, 1);
    }
    for (const id of ids) project.delete(`out-${id}`);
    const damaged = await run(project);
    const named = eventsOf(damaged, 'warning').map(({ task }) => task);
    assert.deepEqual(named.sort(), ids);
    assert.equal(summary(damaged).damaged, 8);
  }
});
