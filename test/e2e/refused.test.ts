import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, truncateSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { wordsForPermissions } from '../campaign/damage/permissions.js';
import { explain, Project } from './rig.js';

/** What to put before a command, so that permissions hold for it. */
const AS_ANY_USER = wordsForPermissions();

const COPY = { command: 'cp in out', inputs: ['in'], outputs: ['out'] };

async function built(t: TestContext): Promise<Project> {
  const project = new Project(t, { in: '1' });
  project.writeTasks({ copy: COPY });
  await project.build();
  await project.millrace(['export']);
  return project;
}

/** A user who is not the one that runs the tests. */
const NOBODY = 65534;

const canBeNobody = (): boolean =>
  process.getuid?.() === 0 && spawnSync('setpriv', ['--reuid', String(NOBODY), 'true']).status === 0;

/** What a command of a user who is not root prints as its error. */
async function errorOf(project: Project, command: string, as = AS_ANY_USER ?? []): Promise<string> {
  const [program, ...args] = [...as, ...project.commandLine(command.split(' '))];
  const result = await project.spawn([program!, ...args]).result;
  assert.equal(result.stderr.split('\n').length, 2, explain(result));
  assert.notEqual(result.exitCode, 0, explain(result));
  return result.stderr;
}

/** What may be forbidden, and commands that need it. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  '.millrace': ['run', 'status', 'gc', 'backup', 'backup --list', 'restore', 'verify', 'export'],
  '.millrace/store': ['run', 'status', 'gc', 'backup', 'restore', 'verify', 'export'],
  '.millrace/store/data.mdb': ['run', 'status', 'backup', 'verify', 'export'],
  '.millrace/backups': ['backup', 'backup --list', 'restore', 'verify'],
  '.millrace/exports': ['verify', 'export'],
  '.millrace/content': ['artifacts', 'gc'],
  '.millrace/content/actions': ['artifacts', 'gc'],
  '.millrace/content/blobs': ['gc'],
  '.millrace/content/tmp': ['gc'],
};

test('what may not be read is named itself, and what to do', {
  skip: AS_ANY_USER === undefined && 'permissions hold for nobody here',
}, async (t) => {
  const project = await built(t);
  for (const [name, commands] of Object.entries(FORBIDDEN)) {
    const path = project.path(name);
    chmodSync(path, 0);
    for (const command of commands) {
      const said = await errorOf(project, command);
      const [, named] =
        /there is no permission to read(?: or write)? (\S+); allow it \(chmod u\+rwX\)\.\n$/.exec(said) ?? [];
      assert.equal(named, path, `${command}: ${said}`);
    }
    chmodSync(path, 0o700);
  }
});

test('a file of another user is named, and what to do', {
  skip: !canBeNobody() && 'nobody here may become another user',
}, async (t) => {
  const project = await built(t);
  chownSync(project.path(), NOBODY, NOBODY);
  chownSync(project.path('.millrace'), NOBODY, NOBODY);
  for (const name of readdirSync(project.path('.millrace'), { recursive: true, encoding: 'utf8' }))
    if (name !== 'exports') chownSync(project.path('.millrace', name), NOBODY, NOBODY);
  const words = ['setpriv', '--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
  const why = `it belongs to user 0, and you are user ${NOBODY}: make it yours \\(chown\\)\\.\n$`;
  for (const command of ['export', 'verify'])
    assert.match(await errorOf(project, command, words), new RegExp(`/exports; ${why}`));
});

test('a state directory in which nothing can be made is named, and no draft', {
  skip: AS_ANY_USER === undefined && 'permissions hold for nobody here',
}, async (t) => {
  const project = await built(t);
  const path = project.path('.millrace');
  chmodSync(path, 0o500);
  for (const command of ['run', 'restore', 'run --json']) {
    const said = await errorOf(project, command);
    const why = `there is no permission to read or write ${path}; allow it (chmod u+rwX).`;
    assert.equal(said, `millrace: error: The state in ${path} cannot be used: ${why}\n`);
  }
  chmodSync(path, 0o700);
});

test('a repair says of what may not be written what a run would say, also if all is whole', {
  skip: AS_ANY_USER === undefined && 'permissions hold for nobody here',
}, async (t) => {
  const project = await built(t);
  const [program, ...args] = [...AS_ANY_USER!, ...project.commandLine(['verify'])];
  for (const [name, mode] of [
    ['.millrace', 0o500],
    ['.millrace/store/data.mdb', 0o400],
    ['.millrace/store/lock.mdb', 0],
  ] as const) {
    const path = project.path(name);
    chmodSync(path, mode);
    const said = await errorOf(project, 'run');
    assert.ok(said.includes(` read or write ${path}; `), said);
    assert.equal(await errorOf(project, 'verify --repair'), said);
    const verified = await project.spawn([program!, ...args]).result;
    assert.equal(verified.exitCode, 0, explain(verified));
    chmodSync(path, 0o700);
  }
});

test('a file in the place of the state directory is named, and what to do', async (t) => {
  const project = new Project(t, { '.millrace': '', in: '1' });
  project.writeTasks({ copy: COPY });
  const path = project.path('.millrace');
  const why = `there is a file where a folder should be (${path}); remove it, or move it away.`;
  for (const command of [
    'run',
    'status',
    'why copy',
    'history',
    'artifacts',
    'gc',
    'backup',
    'verify',
    'export',
  ])
    assert.equal(
      await errorOf(project, command),
      `millrace: error: The state in ${path} cannot be used: ${why}\n`,
    );
});

/** One of each command, by words that are right. */
const COMMANDS = [
  ...['run', 'status', 'why copy', 'graph', 'history', 'gc', 'backup', 'backup --list', 'restore', 'verify'],
  ...['verify --repair', 'export', 'export -', 'import in', 'artifacts', 'artifacts restore ab --into to'],
  ...['artifacts pin ab', 'artifacts unpin ab', 'artifacts verify'],
];

test('with "--json" every command prints its error as an object, too', async (t) => {
  const project = new Project(t, { '.millrace': '', in: '1' });
  project.writeTasks({ copy: COPY });
  const { stdout: help } = await project.millrace(['--help']);
  const [, list = ''] = help.toString().split(/^Commands:$|^"run" is/m);
  const names = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name!);
  assert.ok(names.includes('verify'), list);
  assert.deepEqual(
    names.filter((name) => name !== 'help' && !COMMANDS.some((one) => one.split(' ')[0] === name)),
    [],
  );
  for (const command of COMMANDS) {
    for (const [more, exitCode, code] of [
      [[], 3, 'STATE_UNAVAILABLE'],
      [['--nonsense'], 2, 'BAD_USAGE'],
    ] as const) {
      const result = await project.millrace([...command.split(' '), ...more, '--json']);
      const { message, time, ...rest } = JSON.parse(result.stdout.toString());
      assert.deepEqual(rest, { v: 1, seq: 1, type: 'error', code }, command);
      assert.deepEqual([result.exitCode, typeof time], [exitCode, 'number'], command);
      assert.equal(result.stderr, `millrace: error: ${message}\n`);
    }
  }
});

test('a store that is empty or cut off is named', async (t) => {
  const project = await built(t);
  const lengths = { 5000: 'cut off', 0: 'empty' };
  for (const [length, what] of Object.entries(lengths).reverse()) {
    truncateSync(project.path('.millrace/store/data.mdb'), Number(length));
    for (const command of ['status', 'backup', 'export'])
      assert.match(
        await errorOf(project, command),
        new RegExp(`cannot be used: store/data\\.mdb is ${what}; the next "millrace run" recovers it`),
      );
  }
});

test('a run whose lock was deleted says what to do', async (t) => {
  const project = new Project(t);
  project.writeTasks({
    first: { command: 'test -e once || { touch once; rm .millrace/lock; }' },
    second: { command: 'true', deps: ['first'] },
  });
  const result = await project.millrace(['run']);
  assert.equal(result.exitCode, 3, explain(result));
  assert.match(
    result.stderr,
    /were deleted or replaced while it was open, so nothing more is written; see that nobody does that while something runs, and run it again\.\n$/,
  );
  assert.equal((await project.millrace(['run'])).stderr, '');
});
