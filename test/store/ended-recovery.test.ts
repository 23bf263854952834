import assert from 'node:assert/strict';
import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportState, openState, restoreState } from 'millrace';
import { StateCorrupt } from '../../src/errors.js';
import { openWriter } from '../../src/store/open.js';
import { replacedStore, statePaths } from '../../src/store/paths.js';
import { refusal, replaceInFs, runCode, stateDirectory, withState } from './support.js';

const RECOVERY = 'await (await openState(directory)).close();';

/** What puts another store in the place of the one that is there. */
const REPLACE = {
  restore: "await (await import('millrace')).restoreState(directory);",
  import: "await (await import('millrace')).importState(directory, directory + '-export.json');",
};

/** Recovers the state, say, and is killed before one of the calls that its steps are made of, or after it. */
const killedAt = (call: number, body: string): string => `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
let calls = 0;
for (const name of ['renameSync', 'fsyncSync', 'rmSync']) {
  const real = fs[name];
  fs[name] = (...args) => {
    const counts = name !== 'rmSync' || args[0].endsWith('/recovery');
    if (counts && ++calls === ${call}) process.kill(process.pid, 'SIGKILL');
    return real(...args);
  };
}
syncBuiltinESMExports();
${body}`;

/** What is left beside a store that is damaged. */
const KINDS: Readonly<Record<string, (directory: string) => void>> = {
  'a backup': () => {},
  'a damaged backup and an export': (directory) => truncateSync(backupOf(directory), 100),
  nothing(directory) {
    for (const name of ['backups', 'exports', 'log'])
      rmSync(join(directory, name), { recursive: true, force: true });
  },
  'a folder in the place of a backup'(directory) {
    for (const name of ['exports', 'log']) rmSync(join(directory, name), { recursive: true, force: true });
    const backup = backupOf(directory);
    rmSync(backup);
    mkdirSync(backup);
  },
};

const DAMAGE: Readonly<Record<string, (directory: string) => void>> = {
  damaged: (directory) => truncateSync(statePaths(directory).data, 100),
  missing: (directory) => rmSync(statePaths(directory).store, { recursive: true }),
};

const backupOf = (directory: string): string => {
  const { backups } = statePaths(directory);
  return join(backups, readdirSync(backups)[0]!);
};

/** A state with a task, a backup and an export. */
async function sample(t: TestContext): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(directory, async (state) => {
    state.tasks.define({ id: 'a' });
    await state.backup();
  });
  await exportState(directory);
  return directory;
}

/** Kills a recovery, say, before its first call, its second and so on; each time in a state of its own. */
async function* killedRecoveries(
  directory: string,
  body = RECOVERY,
): AsyncGenerator<{ state: string; call: number }, void> {
  for (let call = 1; ; call++) {
    const state = `${directory}-${call}`;
    cpSync(directory, state, { recursive: true });
    if (existsSync(`${directory}-export.json`)) cpSync(`${directory}-export.json`, `${state}-export.json`);
    const { code, signal, stderr } = await runCode(state, killedAt(call, body));
    if (signal === null) {
      assert.equal(code, 0, stderr);
      assert.ok(call > 4, `${call} calls`);
      return;
    }
    assert.equal(signal, 'SIGKILL');
    yield { state, call };
  }
}

interface Line {
  readonly event: string;
  readonly problem?: string;
  readonly movedAside?: string;
  readonly unfit?: readonly string[];
}

function recoveredIn(directory: string): Line[] {
  const path = join(directory, 'log/millrace.log');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line).filter(({ event }) => event === 'recovered');
}

const asideIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => /\.corrupt-[^/]*$/.test(name))
    .map((name) => join(directory, name))
    .sort();

for (const [kind, leave] of Object.entries(KINDS)) {
  for (const [how, damage] of Object.entries(DAMAGE)) {
    // Nobody can know of a state of which nothing is left.
    if (kind === 'nothing' && how === 'missing') continue;
    test(`a recovery that is killed at any moment is told of: ${how}, beside ${kind}`, async (t) => {
      const sound = await sample(t);
      leave(sound);
      damage(sound);
      const problem = how === 'damaged' ? 'store/data.mdb is cut off' : 'store/data.mdb is missing';
      for await (const { state: directory, call } of killedRecoveries(sound)) {
        const wasTold = recoveredIn(directory).length > 0 && !existsSync(statePaths(directory).recovery);
        await withState(directory, ({ recovery, tasks }) => {
          assert.equal(
            tasks.has('a'),
            /backup$|export$/.test(kind) && !kind.startsWith('a folder'),
            `${call}`,
          );
          if (wasTold) return;
          assert.ok(recovery.message?.startsWith(`The state could not be used (${problem})`), `${call}`);
          assert.equal(recovery.movedAside !== undefined, how === 'damaged', `${call}`);
          assert.equal(recovery.backup !== undefined, kind === 'a backup', `${call}`);
          assert.equal(recovery.export !== undefined, kind.endsWith('export'), `${call}`);
        });
        const told = recoveredIn(directory);
        const aside = told.flatMap(({ movedAside, unfit = [] }) => [movedAside ?? [], unfit].flat());
        assert.deepEqual([...new Set(aside)].sort(), asideIn(directory), `${call}`);
        // Twice by one that was killed before it could remove the note of what it had logged.
        assert.ok(told.length === 1 || told.length === 2, `${call}`);
        for (const line of told) assert.equal(line.problem, problem, `${call}`);
        assert.equal(existsSync(statePaths(directory).recovery), false);
        await withState(directory, ({ recovery }) => assert.equal(recovery.message, undefined, `${call}`));
      }
    });
  }
}

test('a restore after a recovery that was killed says where the damaged store is', async (t) => {
  const sound = await sample(t);
  DAMAGE.damaged!(sound);
  for await (const { state: directory, call } of killedRecoveries(sound)) {
    const { movedAside } = await restoreState(directory);
    const [aside, ...others] = asideIn(directory);
    assert.deepEqual(others, [], `${call}`);
    assert.equal(statSync(join(aside!, 'data.mdb')).size, 100);
    if (recoveredIn(directory).length === 0) assert.equal(movedAside, aside, `${call}`);
    assert.equal(existsSync(statePaths(directory).recovery), false);
    await withState(directory, ({ recovery }) => assert.equal(recovery.message, undefined, `${call}`));
  }
});

test('a recovery after which the open fails is told of by the next', async (t) => {
  const directory = await sample(t);
  DAMAGE.damaged!(directory);
  const { lstatSync } = fs;
  let isRefused = true;
  replaceInFs(t, {
    lstatSync(path: string, ...rest: never[]) {
      // It is looked for when the store that was restored has been loaded.
      if (isRefused && path === replacedStore(statePaths(directory))) throw refusal('EMFILE', 'lstat');
      return lstatSync(path, ...rest);
    },
  });
  await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE' });
  isRefused = false;
  const [told] = recoveredIn(directory);
  await withState(directory, ({ recovery, tasks }) => {
    assert.ok(tasks.has('a'));
    assert.ok(recovery.message?.startsWith('The state could not be used (store/data.mdb is cut off)'));
    assert.deepEqual([recovery.movedAside], asideIn(directory));
    assert.equal(told?.movedAside, recovery.movedAside);
    assert.ok(recovery.backup);
  });
  await withState(directory, ({ recovery }) => assert.equal(recovery.message, undefined));
});

test('where the damaged store is is told also if a backup that took its place cannot be loaded', async (t) => {
  const directory = await sample(t);
  DAMAGE.damaged!(directory);
  // Not called for the empty store in the end.
  const beforeLoad = (): void => {
    throw new StateCorrupt(directory, 'it cannot be loaded');
  };
  const { recovery, store, lock } = await openWriter(directory, { onCorrupt: 'recover', beforeLoad });
  await store.close();
  lock?.release();
  assert.equal(statSync(join(recovery.movedAside!, 'data.mdb')).size, 100);
  assert.match(recovery.message!, /store\/data\.mdb is cut off.*is not whole .* was moved aside \(2 of them/);
  const { movedAside, unfit = [] } = recoveredIn(directory).at(-1)!;
  assert.deepEqual([movedAside!, ...unfit].sort(), asideIn(directory));
});

for (const [how, body] of Object.entries(REPLACE)) {
  test(`where the damaged store is is told of after a ${how} that was killed`, async (t) => {
    const sound = await sample(t);
    await exportState(sound, { file: `${sound}-export.json` });
    DAMAGE.damaged!(sound);
    let told = 0;
    for await (const { state: directory, call } of killedRecoveries(sound, body)) {
      const isMoved = asideIn(directory).length > 0;
      const isImported = isMoved && how === 'import' && existsSync(statePaths(directory).data);
      if (isMoved) told++;
      await withState(directory, ({ recovery, tasks }) => {
        assert.ok(tasks.has('a'), `${call}`);
        assert.deepEqual([recovery.movedAside], asideIn(directory), `${call}`);
        assert.equal(statSync(join(recovery.movedAside!, 'data.mdb')).size, 100);
        assert.equal(recovery.message!.includes('what was imported has taken its place'), isImported);
        assert.equal(recovery.backup === undefined, isImported, `${call}`);
      });
      assert.deepEqual(
        recoveredIn(directory).map(({ movedAside }) => movedAside),
        asideIn(directory),
      );
      await withState(directory, ({ recovery }) => assert.equal(recovery.message, undefined, `${call}`));
    }
    assert.ok(told > 2, `${told}`);
  });
}

test('what is said of a recovery that did not begin, or is no note, is believed by nobody', async (t) => {
  const directory = await sample(t);
  const { recovery: path } = statePaths(directory);
  const note = { problem: 'none', unfit: [] };
  const texts = [
    '',
    'nonsense',
    'null',
    JSON.stringify({ ...note, movedAside: '../other' }),
    JSON.stringify({ ...note, movedAside: 'store.corrupt-2026' }),
    JSON.stringify({ ...note, isImported: 'yes' }),
    JSON.stringify({ ...note, unfit: ['../backups.corrupt-1'] }),
    JSON.stringify({ ...note, backup: { name: '../x', created: 'now', bytes: 1 } }),
  ];
  for (const text of texts) {
    writeFileSync(path, text);
    await withState(directory, ({ recovery, tasks }) => {
      assert.deepEqual([recovery.message, tasks.has('a')], [undefined, true], text);
    });
    assert.deepEqual([existsSync(path), recoveredIn(directory).length], [false, 0]);
  }
  writeFileSync(path, 'nonsense');
  rmSync(statePaths(directory).store, { recursive: true });
  await assert.rejects(openState({ directory, readOnly: true }), { code: 'STATE_CORRUPT' });
  await withState(directory, ({ recovery }) => assert.ok(recovery.backup));
});

test('what is put in the place of the store meanwhile takes the place of nothing that was moved aside', async (t) => {
  const directory = await sample(t);
  const { store } = statePaths(directory);
  DAMAGE.damaged!(directory);
  writeFileSync(join(store, 'notes'), 'the first');
  const killed = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { renameSync } = fs;
    fs.renameSync = (from, to) => {
      if (to === ${JSON.stringify(store)}) process.kill(process.pid, 'SIGKILL');
      renameSync(from, to);
    };
    syncBuiltinESMExports();
    await openState(directory);`;
  await runCode(directory, killed);
  mkdirSync(store, { mode: 0o700 });
  writeFileSync(join(store, 'notes'), 'the second');
  await withState(directory, ({ recovery }) => {
    const kept = readdirSync(recovery.movedAside!).filter((name) => name.startsWith('notes'));
    const texts = kept.map((name) => readFileSync(join(recovery.movedAside!, name), 'utf8'));
    assert.deepEqual(texts.sort(), ['the first', 'the second']);
  });
});

test('a restore that fails tells nothing of itself in the place of a recovery that nobody has told of', async (t) => {
  const directory = await sample(t);
  await withState(directory, (state) => state.tasks.define({ id: 'b' }));
  const { recovery, store } = statePaths(directory);
  const aside = 'store.corrupt-2026-01-01T00-00-00.000Z';
  cpSync(store, join(directory, aside), { recursive: true });
  writeFileSync(recovery, JSON.stringify({ problem: 'a page is damaged', movedAside: aside, unfit: [] }));
  const { renameSync } = fs;
  const putBack = replaceInFs(t, {
    renameSync(...args: Parameters<typeof renameSync>) {
      if (args[1] === replacedStore(statePaths(directory))) throw refusal('EIO', 'rename');
      renameSync(...args);
    },
  });
  await assert.rejects(restoreState(directory), { code: 'STATE_UNAVAILABLE' });
  putBack();
  await withState(directory, (state) => {
    assert.match(state.recovery.message!, /a page is damaged.*; no backup of it is fit/);
    assert.ok(state.tasks.has('b'));
  });
  assert.equal(existsSync(recovery), false);
});
