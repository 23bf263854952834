import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { COPY, outcomes, run, stored } from './cache-support.js';
import { eventsOf, explain, Project, type Result } from './rig.js';

/** What may lie where a file of ours should be. */
const STRANGERS: Readonly<Record<string, (path: string) => void>> = {
  'a folder': (path) => mkdirSync(path),
  'a pipe': (path) => execFileSync('mkfifo', [path]),
  'a link to itself': (path) => symlinkSync(path, path),
};

async function built(t: TestContext): Promise<Project> {
  const project = new Project(t, { in: '1' });
  project.writeTasks({ copy: COPY });
  await run(project);
  return project;
}

function exchange(paths: readonly string[], put: (path: string) => void): void {
  for (const path of paths) {
    rmSync(path, { recursive: true, force: true });
    put(path);
  }
}

const warnings = (result: Result): string[] => eventsOf(result, 'warning').map(({ message }) => message);

const told = ({ exitCode, stdout, stderr }: Result): [number | null, string] => [
  exitCode,
  stdout.toString() + stderr,
];

for (const [what, put] of Object.entries(STRANGERS)) {
  test(`${what} in the place of what is kept is set aside, and all is kept again`, async (t) => {
    const project = await built(t);
    for (const durability of ['rename', 'none']) {
      for (const kinds of [['blobs'], ['blobs', 'actions']] as const) {
        for (const kind of kinds) exchange(stored(project, kind), put);
        project.delete('out');
        const result = await run(project, '--durability', durability);
        assert.deepEqual(outcomes(result), { copy: 'executed' }, explain(result));
        const said = warnings(result);
        assert.ok(said.length <= 1, `${said}`);
        for (const message of said) assert.match(message, /damaged; it was set aside/);
        project.delete('out');
        assert.deepEqual(outcomes(await run(project)), { copy: 'cached' });
      }
    }
  });

  test(`${what} in the place of what is kept is damage to "artifacts verify"`, async (t) => {
    const project = await built(t);
    for (const kind of ['actions', 'blobs'] as const) exchange(stored(project, kind), put);
    const [exitCode, text] = told(await project.millrace(['artifacts', 'verify']));
    assert.equal(exitCode, 1);
    assert.match(text, /^lost: version \w{12} of a task that cannot be told\nmillrace: 1 kept exec/);
    assert.match(text, /, 2 files: 3 damaged and set aside\n$/);
    assert.equal(readdirSync(project.path('.millrace/content/quarantine')).length, 3);
    assert.match(told(await project.millrace(['artifacts', 'verify']))[1], /: all whole\n$/);
    await project.millrace(['gc']);
    const left = readdirSync(project.path('.millrace/content/quarantine')).length;
    assert.equal(left, what === 'a folder' ? 0 : 3);
  });
}

test('a file in the place of a folder of what is kept is set aside', async (t) => {
  const project = await built(t);
  for (const kind of ['actions', 'blobs'] as const) {
    exchange(stored(project, kind).map(dirname), (path) => execFileSync('touch', [path]));
  }
  project.delete('out');
  const result = await run(project);
  assert.deepEqual(outcomes(result), { copy: 'executed' });
  for (const message of warnings(result)) assert.match(message, /damaged; it was set aside/);
  project.delete('out');
  assert.deepEqual(outcomes(await run(project)), { copy: 'cached' });
});

test('where all of a folder of what is kept is a file, every command says what to do', async (t) => {
  const project = await built(t);
  for (const name of ['content/tmp', 'content/blobs', 'content']) {
    const path = project.path('.millrace', name);
    exchange([path], () => project.write(path, ''));
    const said = `${path} is not a folder; nothing of millrace makes that, so remove it, or move it away.`;
    for (const args of [['artifacts', 'verify'], ['artifacts'], ['gc']]) {
      const expected = [3, `millrace: error: What was built before cannot be used: ${said}\n`];
      assert.deepEqual(told(await project.millrace(args)), expected);
    }
    const result = await run(project, '--force');
    assert.equal(warnings(result).length, 1);
    assert.ok(warnings(result)[0]!.endsWith(said), explain(result));
    rmSync(path);
  }
});

for (const [what, put] of Object.entries(STRANGERS)) {
  test(`${what} in the place of the lock is what "verify" refuses, as all commands do`, async (t) => {
    const project = await built(t);
    put(project.path('.millrace/lock'));
    const [exitCode, message] = told(await project.millrace(['run']));
    assert.equal(exitCode, 3);
    assert.match(message, /lock is not a regular file; nothing of millrace makes that, so remove it/);
    for (const args of [['verify'], ['verify', '--repair'], ['backup', '--list'], ['restore']]) {
      assert.deepEqual(told(await project.millrace(args)), [3, message]);
    }
  });
}

const backupsIn = (project: Project): string[] => {
  const folder = project.path('.millrace/backups');
  return readdirSync(folder).map((name) => join(folder, name));
};

for (const [what, put] of Object.entries(STRANGERS)) {
  test(`${what} in the place of a backup is damage to "verify", and moved aside`, async (t) => {
    const project = await built(t);
    await project.millrace(['backup']);
    const [lost] = backupsIn(project);
    exchange([lost!], put);
    const [exitCode, text] = told(await project.millrace(['verify']));
    assert.equal(exitCode, 1);
    const problem = `${lost} lies where backups or exports should be: it is not a file`;
    assert.ok(text.includes(`1 of 1 backup is whole\nmillrace: ${problem}\n`), text);
    assert.match(text, /"millrace verify --repair" moves it aside\n$/);
    const json = JSON.parse((await project.millrace(['verify', '--json'])).stdout.toString());
    assert.deepEqual([json.ok, json.misplaced], [false, [{ path: lost, problem: 'it is not a file' }]]);
    const repaired = told(await project.millrace(['verify', '--repair']));
    assert.equal(repaired[0], 0);
    assert.ok(repaired[1].includes(`${problem}; it was moved to ${lost}.corrupt-`), repaired[1]);
    assert.equal(told(await project.millrace(['verify']))[0], 0);
  });

  test(`${what} in the place of all backups is moved aside when the state is recovered`, async (t) => {
    const project = await built(t);
    const lost = backupsIn(project);
    exchange(lost, put);
    project.delete('.millrace/store/data.mdb');
    assert.equal(told(await project.millrace(['verify']))[0], 1);
    const { stderr } = await run(project);
    assert.ok(stderr.includes(`was moved aside (${lost[0]}.corrupt-`), stderr);
    assert.equal(told(await project.millrace(['verify']))[0], 0);
  });
}

for (const name of ['backups', 'exports']) {
  test(`a file in the place of ${name}/ is told of when it is moved aside, and logged`, async (t) => {
    const project = await built(t);
    const path = project.path('.millrace', name);
    const said = `What lay in the place of ${path} cannot be that; it was moved to ${path}.corrupt-`;
    for (const command of ['run', 'backup', 'export']) {
      exchange([path], () => project.write(`.millrace/${name}`, ''));
      project.delete('.millrace/log');
      const result = await project.millrace([command]);
      assert.equal(result.exitCode, 0, explain(result));
      assert.equal(result.stderr.includes(`warning: ${said}`), command === 'run', explain(result));
      const events = project.read('.millrace/log/millrace.log').trim().split('\n');
      const moved = events.map((line) => JSON.parse(line)).filter(({ event }) => event === 'moved-aside');
      assert.deepEqual(
        moved.map((one) => one.path),
        [path],
      );
    }
    assert.equal((await project.millrace(['run'])).stderr, '');
  });
}

test('a file in the place of the folder of backups is damage to "verify", and moved aside', async (t) => {
  const project = await built(t);
  const path = project.path('.millrace/backups');
  exchange([path], () => project.write('.millrace/backups', ''));
  const [exitCode, text] = told(await project.millrace(['verify']));
  assert.equal(exitCode, 1);
  assert.ok(text.includes(`${path} lies where backups or exports should be: it is not a folder\n`), text);
  assert.equal(told(await project.millrace(['verify', '--repair']))[0], 0);
  assert.equal(told(await project.millrace(['verify']))[0], 0);
});

for (const [what, put] of Object.entries(STRANGERS)) {
  test(`${what} in the place of LMDB's table of readers is told of when it is moved aside`, async (t) => {
    const project = await built(t);
    const path = project.path('.millrace/store/lock.mdb');
    const aside = project.path('.millrace/lock.mdb.corrupt-');
    const said = `What lay in the place of ${path} cannot be that; it was moved to ${aside}`;
    exchange([path], put);
    const verified = told(await project.millrace(['verify']));
    assert.equal(verified[0], 1);
    assert.match(verified[1], /the state is damaged: store\/lock\.mdb is not a file\n/);
    const repaired = told(await project.millrace(['verify', '--repair']));
    assert.equal(repaired[0], 0);
    assert.ok(repaired[1].includes(said), repaired[1]);
    exchange([path], put);
    const result = await run(project);
    assert.ok(result.stderr.includes(said), explain(result));
    assert.deepEqual(outcomes(result), {});
    assert.equal(project.read('.millrace/log/millrace.log').match(/"moved-aside"/g)?.length, 2);
    exchange([path], put);
    const restored = told(await project.millrace(['restore']));
    assert.equal(restored[0], 0);
    // The store itself is whole, so it is backed up.
    assert.match(restored[1], /; what was there before is .*\.backup\n$/);
    const left = readdirSync(project.path('.millrace')).filter((name) => name.includes('.mdb.corrupt-'));
    assert.equal(left.length, 3, 'what was moved aside is never deleted');
  });
}

test("nothing is written through a link in the place of LMDB's table of readers", async (t) => {
  const project = await built(t);
  const path = project.path('.millrace/store/lock.mdb');
  project.write('victim', 'mine');
  exchange([path], () => symlinkSync(project.path('victim'), path));
  for (const args of [
    ['status'],
    ['history'],
    ['why', 'copy'],
    ['export', '-'],
    ['verify'],
    ['run', '--dry-run'],
  ]) {
    const result = await project.millrace(args);
    assert.match(result.stdout.toString() + result.stderr, /store\/lock\.mdb is not a file/, explain(result));
    assert.equal(project.read('victim'), 'mine');
  }
  const result = await run(project);
  assert.ok(result.stderr.includes(`What lay in the place of ${path} cannot be that; it was moved to`));
  assert.deepEqual([outcomes(result), project.read('victim')], [{}, 'mine']);
});

test('a link in the place of the store is moved aside, and what it leads to stays as it is', async (t) => {
  const project = await built(t);
  const path = project.path('.millrace/store/data.mdb');
  const victim = project.path('victim');
  renameSync(path, victim);
  const before = readFileSync(victim);
  symlinkSync(victim, path);
  const [exitCode, text] = told(await project.millrace(['status']));
  assert.equal(exitCode, 3);
  assert.match(text, /store\/data\.mdb is not a file/);
  const result = await run(project, '--force');
  assert.match(
    result.stderr,
    /\(store\/data\.mdb is not a file, or its folder is a link\); it was moved to .* a backup of/,
  );
  assert.ok(readFileSync(victim).equals(before));
});

test('"gc" removes nothing from a folder of somebody else that is linked to be one of what is kept', async (t) => {
  const project = await built(t);
  const names = ['2001-holiday', '2001-holiday.txt', 'notes/file', '01/file'];
  for (const kind of ['actions', 'blobs', 'inputs', 'pins', 'tmp', 'quarantine']) {
    const victims = names.map((name) => `${kind}-victim/${name}`);
    for (const victim of victims) project.write(victim, 'mine');
    for (const victim of victims) utimesSync(project.path(victim), 0, 0);
    exchange([project.path('.millrace/content', kind)], (path) =>
      symlinkSync(project.path(`${kind}-victim`), path),
    );
    for (const args of [['gc'], ['artifacts', 'verify'], ['run', '--force']]) {
      await project.millrace(args);
      for (const victim of victims) assert.equal(project.read(victim), 'mine', `${victim} ${args}`);
    }
  }
});

test('what lies in the place of the log is moved aside, told of, and not written to', async (t) => {
  const project = await built(t);
  const folder = project.path('.millrace/log');
  const file = join(folder, 'millrace.log');
  project.write('victim', 'mine');
  const places: [path: string, put: (path: string) => void][] = [
    ...Object.values(STRANGERS).map((put): [string, typeof put] => [file, put]),
    [file, (path) => symlinkSync(project.path('victim'), path)],
    [file, (path) => symlinkSync(project.path('nowhere'), path)],
    [join(folder, 'millrace.log.1'), (path) => symlinkSync(project.path('victim'), path)],
    [folder, (path) => execFileSync('touch', [path])],
    [folder, (path) => execFileSync('mkfifo', [path])],
  ];
  for (const args of [['run'], ['backup']]) {
    for (const [path, put] of places) {
      exchange([path], put);
      const result = await project.millrace(args);
      assert.equal(result.exitCode, 0, explain(result));
      const said = `What lay in the place of ${path} cannot be that; it was moved to ${path}.corrupt-`;
      if (args[0] === 'run') assert.ok(result.stderr.includes(said), explain(result));
      const lines = project.read('.millrace/log/millrace.log').trim().split('\n');
      const events = lines.map((line) => JSON.parse(line));
      assert.ok(events.some((one) => one.event === 'moved-aside' && one.path === path));
      assert.equal((await project.millrace(['run'])).stderr, '');
    }
  }
  assert.equal(project.read('victim'), 'mine');
  assert.equal(project.exists('nowhere'), false);
});

test('a state that is lost with all its backups is told of, once', async (t) => {
  for (const left of [['store', 'log'], ['store'], ['log'], []]) {
    const project = await built(t);
    const state = project.path('.millrace');
    for (const name of readdirSync(state)) {
      if (name !== 'content' && !left.includes(name)) rmSync(join(state, name), { recursive: true });
    }
    if (left.includes('store')) project.delete('.millrace/store/data.mdb');
    const [exitCode, text] = told(await project.millrace(['verify']));
    if (left.length > 0) assert.match(text, /the state is damaged: store\/data\.mdb is missing\n/);
    assert.equal(exitCode, left.length > 0 ? 1 : 3);
    project.delete('out');
    const result = await run(project);
    const warning =
      /warning: The state could not be used \(store\/data\.mdb is missing\).* and its history is lost\.\n$/;
    // Of outputs that were copied to a new place, nothing was lost.
    if (left.length > 0) assert.match(result.stderr, warning, `${left}`);
    else assert.equal(result.stderr, '');
    assert.deepEqual(outcomes(result), { copy: 'cached' });
    assert.equal((await run(project)).stderr, '');
  }
});

test('a state directory that is a file is told of by "verify" as by all commands', async (t) => {
  const project = new Project(t, { '.millrace': '' });
  project.writeTasks({ copy: COPY });
  for (const args of [['verify'], ['backup', '--list'], ['restore'], ['status']]) {
    const [exitCode, text] = told(await project.millrace(args));
    assert.equal(exitCode, 3);
    assert.match(text, /cannot be used: there is a file where a folder should be \(.*\.millrace/);
  }
});
