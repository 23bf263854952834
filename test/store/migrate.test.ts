import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { backupsOf, exportState, importState, openState, restoreState } from 'millrace';
// The modules that the package is bundled from: what is put into `MIGRATIONS` is in these alone.
import * as modules from '../../src/index.js';
import type { BackupEntry } from '../../src/store/backup/format.js';
import { backUpDirectory } from '../../src/store/backup/keep.js';
import { SCHEMA_VERSION } from '../../src/store/envelope.js';
import { MIGRATIONS } from '../../src/store/migrate.js';
import { statePaths } from '../../src/store/paths.js';
import { OWN_SYSTEM } from '../../src/store/stamp.js';
import { makeOld, OLD } from './old-schema.js';
import { everything, stateDirectory, withState } from './support.js';

/** What each schema that was released left on the disk, as a store, a backup and an export. */
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));

/** Schema 3 did not say where it was written; the later ones here were written on this. */
const isOfThisSystem = (fixture: string): boolean => fixture === 'schema-3' || OWN_SYSTEM === 'linux-x64';

async function exportOf(directory: string): Promise<string> {
  const file = join(directory, '..', 'now.json');
  await exportState(directory, { file, history: true });
  return readFileSync(file, 'utf8');
}

test('a state of this schema is among those that are kept', () => {
  assert.ok(readdirSync(FIXTURES).includes(`schema-${SCHEMA_VERSION}`), 'make one before the next schema');
});

for (const name of readdirSync(FIXTURES).filter((one) => one.startsWith('schema-'))) {
  const fixture = (file: string): string => join(FIXTURES, name, file);

  test(`what ${name} left is read: its store, its backup, its export`, async (t) => {
    const expected = readFileSync(fixture('state.json'), 'utf8');
    const [store, backup, imported] = [
      await stateDirectory(t),
      await stateDirectory(t),
      await stateDirectory(t),
    ];
    if (isOfThisSystem(name)) {
      mkdirSync(join(store, 'store'), { recursive: true });
      copyFileSync(fixture('data.mdb'), statePaths(store).data);
      await withState(store, (state) => assert.equal(state.recovery.message, undefined));
      assert.equal(await exportOf(store), expected);
    }

    mkdirSync(join(backup, 'backups'), { recursive: true });
    copyFileSync(fixture('state.backup'), join(backup, 'backups', '2026-01-01T00-00-00.000Z.backup'));
    await restoreState(backup);
    assert.equal(await exportOf(backup), expected);

    await importState(imported, fixture('state.json'));
    assert.equal(await exportOf(imported), expected);
  });
}

/** What the old schema has instead of a payload, as these tests have it. */
const mirrored = (payload: Buffer): Buffer => Buffer.from(payload).reverse();

async function* mirrorAll(entries: AsyncIterable<BackupEntry>): AsyncGenerator<BackupEntry, void> {
  for await (const { key, payload } of entries) yield { key, payload: mirrored(payload) };
}

/** A state of an older schema, the one before ours, and what it held. */
async function oldState(t: TestContext, schema = OLD): Promise<{ directory: string; all: unknown }> {
  const directory = await stateDirectory(t);
  const all = await withState(directory, (state) => {
    state.tasks.define([{ id: 'one' }, { id: 'two', dependencies: ['one'] }]);
    return everything(state);
  });
  await makeOld(directory, schema, mirrored);
  return { directory, all };
}

function withMigration(t: TestContext): void {
  const released = MIGRATIONS.get(OLD)!;
  MIGRATIONS.set(OLD, mirrorAll);
  t.after(() => MIGRATIONS.set(OLD, released));
}

test('a store of an older schema is backed up, brought to ours, and its backup can be restored', async (t) => {
  const { directory, all } = await oldState(t);
  await assert.rejects(openState({ directory, readOnly: true }), {
    code: 'STATE_UNAVAILABLE',
    message: /written by an older millrace; the next run brings it to this one/,
  });
  withMigration(t);
  await withState(
    directory,
    (state) => {
      assert.deepEqual(everything(state), all);
      assert.equal(state.recovery.movedAside, undefined);
      state.tasks.define({ id: 'later' });
    },
    modules.openState,
  );
  const [backup] = await backupsOf(directory);
  const log = readFileSync(join(directory, 'log/millrace.log'), 'utf8');
  assert.match(
    log,
    new RegExp(`"event":"migrated","from":${OLD},"to":${SCHEMA_VERSION},"backup":"${backup!.name}"`),
  );
  await modules.restoreState(directory, { backup: backup!.name });
  assert.deepEqual(await withState(directory, everything, modules.openState), all);
});

test('a migration removes no backup that was there', async (t) => {
  const { directory } = await oldState(t);
  const { path } = (await backUpDirectory(directory, { newest: 9, days: 0 }))!;
  const earlier = ['10', '11', '12', '13'].map((hour) => `2020-01-01T${hour}-00-00.000Z.backup`);
  for (const name of earlier) copyFileSync(path, join(directory, 'backups', name));
  withMigration(t);
  await withState(directory, () => {}, modules.openState);
  const names = readdirSync(join(directory, 'backups')).sort();
  assert.deepEqual(names.slice(0, 4), earlier);
  assert.equal(names.length, 6);
});

test('a migration removes nothing from the folder of the store that is not its own', async (t) => {
  const { directory } = await oldState(t);
  writeFileSync(join(statePaths(directory).store, 'other'), 'mine');
  withMigration(t);
  await withState(directory, () => {}, modules.openState);
  const kept = readdirSync(directory).filter((name) => name.startsWith('store.corrupt-'));
  assert.deepEqual(
    kept.map((name) => readdirSync(join(directory, name))),
    [['other']],
  );
});

test('a damaged store is recovered from a backup of an older schema', async (t) => {
  const { directory, all } = await oldState(t);
  withMigration(t);
  await withState(directory, () => {}, modules.openState);
  const { backups, store } = statePaths(directory);
  assert.equal(readdirSync(backups).length, 1);
  rmSync(store, { recursive: true });
  assert.deepEqual(await withState(directory, everything, modules.openState), all);
});

test('a store of a schema that nobody knows is moved aside, not deleted', async (t) => {
  const { directory } = await oldState(t, 1);
  await withState(directory, (state) => {
    assert.match(state.recovery.message!, /schema version 1 is one that this millrace does not know/);
    assert.ok(readdirSync(state.recovery.movedAside!).includes('data.mdb'));
    assert.equal(state.tasks.counts().total, 0);
  });
});
