import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { attachState, BuildEngine, type BuildState, openState } from 'millrace';
import { PAGE_BYTES } from '../../src/memory/layout.js';
import { temporaryFolder } from '../artifacts/support.js';
import { stateDirectory, withState } from '../store/support.js';

describe('an embedder', () => {
  test('records what its own tasks have made, and gets it back', async (t) => {
    const root = temporaryFolder(t);
    mkdirSync(join(root, 'out/empty'), { recursive: true });
    writeFileSync(join(root, 'out/tool'), 'a tool');
    chmodSync(join(root, 'out/tool'), 0o755);
    writeFileSync(join(root, 'out/large'), Buffer.alloc(3 << 20, 'large'));
    symlinkSync('tool', join(root, 'out/link'));
    await withState(await stateDirectory(t), async ({ artifacts }) => {
      const paths = ['out/tool', './out/large', 'out/link', 'out/empty', 'out/tool'];
      const made = { root, paths, log: Buffer.from('made\n'), duration: 5, run: 3 };
      const version = await artifacts.record('t', made);
      assert.deepEqual(
        [version.task, version.run, version.duration, version.logBytes, version.bytes],
        ['t', 3, 5, 5, 6 + (3 << 20) + 5],
      );
      assert.deepEqual(version.links, [{ path: 'out/link', target: 'tool' }]);
      assert.equal((await artifacts.record('t', made)).version, version.version);
      writeFileSync(join(root, 'out/tool'), 'another tool');
      const later = await artifacts.record('t', { root, paths: ['out/tool', 'out/large'] });
      assert.notEqual(later.version, version.version);
      await artifacts.record('small', { root, paths: [] });
      // The large file is kept once.
      assert.deepEqual(await artifacts.usage(), [
        { task: 't', versions: 2, bytes: version.bytes + 12 },
        { task: 'small', versions: 1, bytes: 0 },
      ]);

      const into = join(root, 'copy');
      await artifacts.restore(version.version, into);
      assert.equal(readFileSync(join(into, 'out/tool'), 'utf8'), 'a tool');
      assert.equal(statSync(join(into, 'out/tool')).mode & 0o777, 0o755);
      assert.equal(statSync(join(into, 'out/large')).size, 3 << 20);
      assert.equal(readlinkSync(join(into, 'out/link')), 'tool');
      assert.deepEqual(readdirSync(join(into, 'out/empty')), []);
      assert.equal((await artifacts.restore({ task: 't' }, into)).version, later.version);
      // A folder is all that is in it.
      const whole = await artifacts.record('whole', { root, paths: ['out'] });
      await artifacts.restore(whole.version, join(root, 'whole'));
      const namesIn = (folder: string) => readdirSync(join(root, folder), { recursive: true }).sort();
      assert.deepEqual(namesIn('whole/out'), namesIn('out'));
      assert.equal(readFileSync(join(into, 'out/tool'), 'utf8'), 'another tool');
      await assert.rejects(artifacts.restore({ task: 'unknown' }, into), { code: 'UNKNOWN_VERSION' });
    });
  });

  test("names a version as a task's own in a transaction, and it stays", async (t) => {
    const root = temporaryFolder(t);
    const directory = await stateDirectory(t);
    const make = async ({ artifacts }: BuildState, content: string) => {
      writeFileSync(join(root, 'f'), content);
      return (await artifacts.record('t', { root, paths: ['f'] })).version;
    };
    const [first, second] = await withState(directory, async (state) => {
      const versions = [await make(state, 'first'), await make(state, 'second')] as const;
      state.transaction(() => {
        state.tasks.define([{ id: 't' }, { id: 'other' }]);
        state.tasks.complete('t', { outcome: 'cached' });
        state.tasks.setArtifact('t', versions[0]);
        state.tasks.setArtifact('other', versions[1]);
      });
      assert.throws(() => state.tasks.setArtifact('t', 'first'), { code: 'INVALID_ARGUMENT' });
      assert.throws(() => state.tasks.setArtifact('unknown', versions[0]), { code: 'UNKNOWN_TASK' });
      return versions;
    });
    await withState(directory, async (state) => {
      const { artifacts, tasks } = state;
      assert.equal(tasks.get('t').artifact, first);
      await artifacts.restore({ task: 't' }, root);
      assert.equal(readFileSync(join(root, 'f'), 'utf8'), 'first');
      const third = await make(state, 'third');
      await make(state, 'fourth');
      await artifacts.collect({ maxBytes: 0, maxAge: 0 });
      const kept = (await artifacts.versions()).map(({ version }) => version);
      assert.deepEqual(
        [first, second, third].map((version) => kept.includes(version)),
        [true, true, false],
      );
      tasks.setArtifact('t', undefined);
      tasks.remove('other');
      assert.equal('artifact' in tasks.get('t'), false);
      // Its row is given to another task, which has made nothing.
      tasks.define({ id: 'new' });
      assert.equal('artifact' in tasks.get('new'), false);
    });
  });

  test('names versions again and again, which takes no more memory', async () => {
    const state = await openState({ memory: true });
    state.tasks.define({ id: 't' });
    const { pool } = state.opened.table.lists.artifact;
    for (let time = 0; time < 10_001; time++) {
      state.tasks.setArtifact('t', `${time % 10}`.repeat(64));
      if (time % 3 === 0) state.tasks.setArtifact('t', undefined);
    }
    assert.equal(state.tasks.get('t').artifact, '0'.repeat(64));
    assert.equal(pool.bytes.length, PAGE_BYTES);
    await state.close();
  });

  test('names a version while a collection looks at what is kept', async (t) => {
    const root = temporaryFolder(t);
    await withState(await stateDirectory(t), async ({ artifacts, tasks }) => {
      tasks.define({ id: 't' });
      const versions: string[] = [];
      for (const content of ['old', 'newer', 'newest']) {
        writeFileSync(join(root, 'f'), content);
        versions.push((await artifacts.record('t', { root, paths: ['f'] })).version);
      }
      const collecting = artifacts.collect({ maxBytes: 0, maxAge: 0 });
      tasks.setArtifact('t', versions[0]);
      assert.equal((await collecting)!.removedEntries, 1);
      await artifacts.lookup(versions[0]!);
    });
  });

  test('keeps files in a thread that has attached', async (t) => {
    const root = temporaryFolder(t);
    writeFileSync(join(root, 'f'), 'f');
    await withState(await stateDirectory(t), async (state) => {
      state.tasks.define({ id: 't' });
      using attached = attachState(state.share());
      const { version } = await attached.artifacts.record('t', { root, paths: ['f'] });
      attached.transaction(() => {
        attached.tasks.complete('t', { outcome: 'fresh' });
        attached.tasks.setArtifact('t', version);
      });
      assert.equal((await state.artifacts.lookup(state.tasks.get('t').artifact!)).task, 't');
    });
  });

  test('is told of slips, and nothing is kept or removed', async (t) => {
    const root = temporaryFolder(t);
    writeFileSync(join(root, 'f'), 'f');
    await withState(await stateDirectory(t), async ({ artifacts }) => {
      await artifacts.record('t', { root, paths: ['f'], durability: 'fsync' });
      const loose = artifacts as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      const slips: [string, RegExp, ...unknown[]][] = [
        ['collect', /"maxAge" of collect must be a number of at least 0; it is "30d"/, { maxAge: '30d' }],
        ['collect', /"maxBytes" of collect must be/, { maxBytes: Number.NaN }],
        ['collect', /collect has no option "dryrun" \(did you mean "dryRun"\?\)/, { dryrun: true }],
        ['record', /A task id must be a string that is not empty, not undefined/],
        ['record', /"root" of record must be an absolute path; it is "r"/, 't', { root: 'r', paths: [] }],
        ['record', /"paths" of record must be a list of strings; it is undefined/, 't', { root }],
        ['record', /"duration" of record must be/, 't', { root, paths: [], duration: -1 }],
        ['record', /"log" of record must be a Uint8Array/, 't', { root, paths: [], log: 'text' }],
        [
          'record',
          /"durability" of record must be one of none, rename, fsync/,
          't',
          { root, paths: [], durability: 1 },
        ],
        ['restore', /The options of restore must be an object, not null/, null, root],
        ['restore', /restore has no option "tsk"/, { tsk: 't' }, root],
        ['restore', /The folder must be a string that is not empty, not undefined/, 'a'],
        ['lookup', /A version must be a string that is not empty, not ""/, ''],
        ['pin', /A version must be a string/, 5],
        ['versions', /A task id must be a string/, 5],
      ];
      for (const [method, message, ...args] of slips) {
        await assert.rejects(loose[method]!.call(artifacts, ...args), { code: 'INVALID_ARGUMENT', message });
      }
      assert.equal((await artifacts.versions()).length, 1);
    });
  });

  test('cannot record what lies outside, leads out, or is no file', async (t) => {
    const root = temporaryFolder(t);
    symlinkSync('/etc', join(root, 'etc'));
    symlinkSync('../..', join(root, 'up'));
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await withState(await stateDirectory(t), async ({ artifacts }) => {
      for (const path of ['../x', '/etc/passwd', 'etc/passwd', 'etc', 'up', 'pipe', 'missing', '.']) {
        await assert.rejects(
          artifacts.record('t', { root, paths: [path] }),
          { code: 'INVALID_ARGUMENT', message: /cannot be kept: it / },
          path,
        );
      }
      await assert.rejects(artifacts.record('t', { root: 'relative', paths: [] }), {
        code: 'INVALID_ARGUMENT',
      });
      assert.deepEqual(await artifacts.versions(), []);
    });
    const memory = await openState({ memory: true });
    await assert.rejects(memory.artifacts.record('t', { root, paths: [] }), { code: 'STATE_UNAVAILABLE' });
    await memory.close();
  });
});

test('a version names the commit that was checked out', async (t) => {
  const root = temporaryFolder(t);
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, ...IDENTITY, ...args], { encoding: 'utf8' });
  git('init', '-q', '-b', 'main');
  git('commit', '-q', '--allow-empty', '-m', 'one');
  const one = git('rev-parse', 'HEAD').trim();
  const commitOf = async (folder: string) => {
    writeFileSync(join(folder, 'in'), `${Math.random()}`);
    return await withState(await stateDirectory(t), async (state) => {
      state.tasks.define({ id: 'a', command: 'cp in out', inputs: ['in'], outputs: ['out'] });
      await new BuildEngine(state, { root: folder }).run({});
      const [version] = await state.artifacts.versions('a');
      return version!.commit;
    });
  };
  assert.equal(await commitOf(root), one);
  mkdirSync(join(root, 'deep/er'), { recursive: true });
  git('pack-refs', '--all');
  assert.ok(!existsSync(join(root, '.git/refs/heads/main')));
  assert.equal(await commitOf(join(root, 'deep/er')), one);
  git('worktree', 'add', '-q', '-b', 'other', join(root, 'tree'));
  execFileSync('git', ['-C', join(root, 'tree'), ...IDENTITY, 'commit', '-q', '--allow-empty', '-m', 'two']);
  const two = git('rev-parse', 'other').trim();
  assert.equal(await commitOf(join(root, 'tree')), two);
  git('checkout', '-q', '--detach', two);
  assert.equal(await commitOf(root), two);
  writeFileSync(join(root, '.git/HEAD'), 'nonsense');
  assert.equal(await commitOf(root), undefined);
  assert.equal(await commitOf(temporaryFolder(t)), undefined);
});

const IDENTITY = ['-c', 'user.name=n', '-c', 'user.email=e'];
