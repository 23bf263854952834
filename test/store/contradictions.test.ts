import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { verifyState } from 'millrace';
import type { Key } from '../../src/store/database.js';
import { LmdbDatabase } from '../../src/store/lmdb.js';
import { type StatePaths, statePaths } from '../../src/store/paths.js';
import { verifyInChild } from '../../src/store/verify-child.js';
import { stateDirectory, withState } from './support.js';

const TASKS = 20;
/** Of which a page of another state does not fit, whatever that is. */
const TELLING = [
  'tasks.status',
  'tasks.names.blob',
  'tasks.names.refs',
  'tasks.names.slots',
  'tasks.dependencies.refs',
  'tasks.dependencies.pool',
  'tasks.dependents.refs',
  'tasks.dependents.pool',
];

/** A state of a chain of tasks whose names begin so, the last of which were removed. */
async function chain(t: TestContext, prefix: string, removed: number): Promise<StatePaths> {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => {
    const ids = Array.from({ length: TASKS }, (_, index) => `${prefix}${index}`);
    const dependencies = (index: number): string[] => ids.slice(Math.max(0, index - 1 - removed), index);
    state.tasks.define(ids.map((id, index) => ({ id, dependencies: dependencies(index) })));
    state.tasks.remove(ids.slice(TASKS - removed));
  });
  return statePaths(directory);
}

async function withDatabase<T>(paths: StatePaths, body: (database: LmdbDatabase) => T): Promise<Awaited<T>> {
  const database = LmdbDatabase.open(paths, false);
  try {
    return await body(database);
  } finally {
    await database.close();
  }
}

/** All pages, and what is in them. */
const pagesOf = (paths: StatePaths): Promise<[Key, Buffer][]> =>
  withDatabase(paths, (database) =>
    database.keys(['page']).map((key): [Key, Buffer] => [key, Buffer.from(database.get(key)!)]),
  );

const put = (paths: StatePaths, key: Key, payload: Buffer): Promise<void> =>
  withDatabase(paths, (database) => database.transact((writer) => writer.put(key, payload)));

test('whole pages that do not belong together are damage, and nothing goes round in circles', async (t) => {
  const [paths, other] = [await chain(t, 'a', 3), await chain(t, 'other', 0)];
  assert.equal(await verifyInChild(paths), undefined);
  const own = new Map((await pagesOf(paths)).map(([key, payload]) => [key.join('/'), payload]));
  const found = new Map<string, string>();
  for (const [key, payload] of await pagesOf(other)) {
    const before = own.get(key.join('/'));
    if (before === undefined || before.equals(payload)) continue;
    await put(paths, key, payload);
    const problem = await verifyInChild(paths);
    if (problem !== undefined) found.set(key.slice(1, -1).join('/'), problem);
    await put(paths, key, before);
  }
  assert.equal(await verifyInChild(paths), undefined);
  t.diagnostic([...found].map(([region, problem]) => `${region}: ${problem}`).join('\n'));
  for (const region of TELLING) assert.ok(found.has(region), `a page of ${region} is not missed`);
  await put(paths, ...(await pagesOf(other)).find(([[, region]]) => region === 'tasks.names.refs')!);
  assert.match((await verifyState(paths.directory)).problem!, /^(row|the name of row) \d+ /);
});
