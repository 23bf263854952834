import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { exportState, openState } from 'millrace';
import { explain, Project } from './rig.js';

/** A command line that runs a script with a small file system of its own at `disk`, which is gone when it ends. */
const onSmallDisk = (script: string, size = '160m'): readonly [string, ...string[]] => [
  'unshare',
  ...['-rm', 'sh', '-c', `mount -t tmpfs -o size=${size} none disk && cd disk && ${script}`],
];

const canMount =
  spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0
    ? false
    : 'the system lets us mount nothing';

const MANIFEST = `
[tasks.first]
command = "cp in first"
inputs = ["in"]
outputs = ["first"]
[tasks.fill]
command = "test -e keep || cat /dev/zero > big 2> /dev/null; true"
inputs = ["in"]
deps = ["first"]
[tasks.later]
command = "sleep 0.3; cp in later"
inputs = ["in"]
outputs = ["later"]
deps = ["fill"]
`;

for (const isolation of ['none', 'process'] as const) {
  test(`a run that fills the disk saves what had ended, says so, and the next one goes on: isolation ${isolation}`, {
    skip: canMount,
  }, async (t) => {
    const project = new Project(t, { 'disk/.keep': '', manifest: MANIFEST });
    const run = project.shellLine(['run', '--isolation', isolation]);
    const script = [
      'cp ../manifest millrace.toml; touch keep; echo one > in',
      `${run} > /dev/null; test -e .millrace/reserve && echo reserved; rm keep; echo two > in`,
      `${run}; echo exit $?; test -e .millrace/reserve || echo given back`,
      `${project.shellLine(['status'])} > status; echo exit $?; rm big`,
      `${run}; echo exit $?; echo result $(cat later)`,
    ];
    const { result } = project.spawn(onSmallDisk(script.join('\n')));
    const done = await result;
    assert.equal(done.exitCode, 0, explain(done));
    const lines = done.stdout.toString().split('\n');
    assert.deepEqual(
      lines.filter((line) => /^(exit|reserved|given)/.test(line)),
      ['reserved', 'exit 3', 'given back', 'exit 0', 'exit 0'],
      explain(done),
    );
    assert.match(
      done.stderr,
      /The disk of the state in .* is full, or .*, so the run was stopped; what had ended by then is saved/,
    );
    const after = lines.slice(lines.indexOf('given back'));
    assert.ok(!after.some((line) => /\] (first|fill)/.test(line)), explain(done));
    assert.ok(after.includes('result two'), explain(done));
  });
}

test('the first run on a disk saves what had ended, too, when it fills it', { skip: canMount }, async (t) => {
  const project = new Project(t, { 'disk/.keep': '', manifest: MANIFEST });
  const run = project.shellLine(['run']);
  const script = [
    `cp ../manifest millrace.toml; echo two > in; ${run}; echo exit $?; rm big`,
    `${run}; echo exit $?; echo result $(cat later)`,
  ];
  const done = await project.spawn(onSmallDisk(script.join('\n'))).result;
  const lines = done.stdout.toString().split('\n');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('exit')),
    ['exit 3', 'exit 0'],
    explain(done),
  );
  assert.match(done.stderr, /so the run was stopped; what had ended by then is saved/);
  const after = lines.slice(lines.indexOf('exit 3'));
  assert.ok(!after.some((line) => /\] (first|fill)/.test(line)), explain(done));
  assert.ok(after.includes('result two'), explain(done));
});

test('a disk that is full before the state can be opened is told as one', { skip: canMount }, async (t) => {
  const project = new Project(t, { 'disk/.keep': '', manifest: MANIFEST });
  const script = [
    'cp ../manifest millrace.toml; touch keep; echo one > in; mkdir .millrace; chmod 700 .millrace',
    'cat /dev/zero > big 2> /dev/null',
    `${project.shellLine(['run'])}; echo exit $?`,
  ];
  const done = await project.spawn(onSmallDisk(script.join('\n'))).result;
  assert.equal(done.stdout.toString(), 'exit 3\n', explain(done));
  assert.match(
    done.stderr,
    /error: The disk of the state in .* is full, or .*, so it could not be opened\. Free some space/,
  );
});

test('a disk on which nothing could be kept is refused before anything is run', {
  skip: canMount,
}, async (t) => {
  const project = new Project(t, { 'disk/.keep': '' });
  project.write('manifest', '[tasks.one]\ncommand = "touch done"\n');
  const run = project.shellLine(['run']);
  const script = [
    `cp ../manifest millrace.toml; ${run}; echo exit $?; ls`,
    `mount -o remount,size=6m ../disk; ${run} > /dev/null; echo exit $?; ls`,
  ];
  const done = await project.spawn(onSmallDisk(script.join('\n'), '1m')).result;
  const files = 'millrace.toml\n';
  assert.equal(done.stdout.toString(), `exit 3\n${files}exit 0\ndone\n${files}`, explain(done));
  assert.match(
    done.stderr,
    /^millrace: error: The disk of the state in .* is full, or .*, so nothing was run: what is done can only be kept where 6 MB are free, and the store may grow\. Free some space, or raise the limit, and run it again\.\n$/,
  );
});

test('what a full disk keeps from being written is told with where that is', {
  skip: canMount,
}, async (t) => {
  const project = new Project(t, { 'disk/.keep': '', manifest: MANIFEST });
  const line = (...args: string[]): string => project.shellLine(args);
  const script = [
    'cp ../manifest millrace.toml; touch keep; echo one > in; mkdir -m 700 sub',
    `${line('run')} > /dev/null; ${line('export', '../state.json')} > /dev/null; cat /dev/zero > big 2> /dev/null`,
    ...[['backup'], ['export'], ['export', 'sub/out'], ['export', '/dev/full']].map((args) => line(...args)),
    ...[['restore'], ['import', '../state.json'], ['backup', '--json']].map((args) => line(...args)),
    'echo exit $?; ls sub',
  ];
  const done = await project.spawn(onSmallDisk(script.join('\n'))).result;
  const state = project.path('disk/.millrace');
  const said = (place: string, effect: string): string =>
    `millrace: error: The disk of ${place} is full, or a quota or limit for files is reached, so ${effect}. Free some space, or raise the limit, and run it again.`;
  const [backedUp, exported] = ['backed up', 'exported'].map(
    (what) => `the state in ${state} could not be ${what}`,
  );
  assert.deepEqual(
    done.stderr.trim().split('\n'),
    [
      said(`${state}/backups`, backedUp!),
      said(`${state}/exports`, exported!),
      said(project.path('disk/sub/out'), exported!),
      said('/dev/full', exported!),
      said(`the state in ${state}`, 'this was not possible'),
      said(`the state in ${state}`, 'this was not possible'),
      said(`${state}/backups`, backedUp!),
    ],
    explain(done),
  );
  assert.match(done.stdout.toString(), /^\{.*"code":"STATE_DISK_FULL".*\}\nexit 3\n$/);
});

test('a read-only file system is named by its folder, with what to do', { skip: canMount }, async (t) => {
  const project = new Project(t, { 'disk/.keep': '', manifest: MANIFEST });
  const call = (...args: string[]): string => `${project.shellLine(args)} 2>&1; echo exit $?`;
  const script = [
    'cp ../manifest millrace.toml; touch keep; echo one > in; mount -o remount,ro "$PWD"',
    call('run'),
    `mount -o remount,rw "$PWD"; ${project.shellLine(['run'])} > /dev/null; mount -o remount,ro "$PWD"`,
    ...[call('run'), call('backup'), call('restore'), call('export'), call('export', 'x.json')],
    ...[call('status'), call('run', '--state', '../state')],
  ];
  const done = await project.spawn(onSmallDisk(script.join('\n'))).result;
  const disk = project.path('disk');
  const state = `${disk}/.millrace`;
  const because = (place: string, otherwise = 'keep the state in another place (--state DIR)'): string =>
    `the file system of ${place} is read-only; make it writable, or ${otherwise}.`;
  const error = `millrace: error: The state in ${state}`;
  const lines = done.stdout.toString().split('\n');
  assert.deepEqual(
    lines.filter((line) => /^(millrace: error|exit)/.test(line)),
    [
      ...[`${error} cannot be used: ${because(disk)}`, 'exit 3'],
      ...[`${error} cannot be used: ${because(state)}`, 'exit 3'],
      ...[`${error} could not be backed up: ${because(`${state}/backups`)}`, 'exit 1'],
      ...[`${error} cannot be used: ${because(state)}`, 'exit 3'],
      ...[`${error} could not be exported: ${because(state)}`, 'exit 1'],
      ...[`${error} could not be exported to x.json: ${because(disk, 'export to another place')}`, 'exit 1'],
      // A task of the last one cannot write its output there.
      ...['exit 0', 'exit 1'],
    ],
    explain(done),
  );
});

test('a limit for the size of files is met as a full disk is', async (t) => {
  if (process.platform === 'win32') return t.skip('there are no limits');
  const project = new Project(t, { in: 'text' });
  const tasks = Array.from({ length: 3000 }, (_, index) => [
    `task-${index}`,
    { command: 'true', inputs: ['in'] },
  ]);
  project.writeTasks({ first: { command: 'true', inputs: ['in'] } });
  await project.build();
  project.writeTasks(Object.fromEntries(tasks));
  // In blocks of 512 bytes: what is there fits, what is added does not.
  const limited = `ulimit -f 200; exec ${project.shellLine(['run', '--json'])}`;
  const done = await project.spawn(['/bin/sh', '-c', limited]).result;
  assert.equal(done.exitCode, 3, explain(done));
  assert.match(done.stdout.toString(), /"code":"(STATE_DISK_FULL|COMMIT_FAILED)","message":"[^"]* full/);
});

test('what could not be kept because of a limit for the size of files is not begun', async (t) => {
  if (process.platform !== 'linux') return t.skip('no limit is known');
  const project = new Project(t, { in: 'text' });
  project.writeTasks({ task: { command: 'cat in >> out', inputs: ['in'], outputs: ['out'] } });
  await project.build();
  project.write('in', 'changed');
  const done = await project.spawn(['/bin/sh', '-c', `ulimit -f 100; exec ${project.shellLine(['run'])}`])
    .result;
  assert.equal(done.exitCode, 3, explain(done));
  assert.match(done.stderr, /is full, or a quota or limit for files is reached, so nothing was run: /);
  assert.equal(project.read('out'), 'text');
  assert.equal((await project.build()).size, 1);
});

/** Leaves so many kilobytes free. */
const fillBut = (kilobytes: number): string =>
  `free=$(df --output=avail -k . | tail -1); head -c $(((free - ${kilobytes}) * 1024)) /dev/zero > big`;

/** A project with an export of thousands of tasks beside the small disk. */
async function withExport(t: TestContext): Promise<Project> {
  const project = new Project(t, { 'disk/.keep': '', manifest: MANIFEST });
  const directory = project.path('made');
  {
    await using state = await openState(directory);
    const data = 'x'.repeat(600);
    state.tasks.define(Array.from({ length: 6000 }, (_, index) => ({ id: `task ${index}`, data })));
  }
  await exportState(directory, { file: project.path('all.json') });
  return project;
}

test('a disk on which there is no room to recover damages no export, and the next one recovers', {
  skip: canMount,
}, async (t) => {
  const project = await withExport(t);
  const millrace = (...args: string[]): string => project.shellLine(args);
  for (const free of [200, 6000]) {
    const script = [
      `cp ../manifest millrace.toml; ${millrace('import', '../all.json')} && ${millrace('export')}`,
      'cd .millrace; rm -rf backups content reserve; truncate -s 5000 store/data.mdb; cd ..',
      `${fillBut(free)}; ${millrace('run')}; echo exit $?; ls .millrace/* -d .millrace/exports/*; rm big`,
      `${millrace('verify', '--repair')}; ${millrace('export', 'again.json')}; cmp again.json ../all.json && echo same`,
    ];
    const done = await project.spawn(onSmallDisk(script.join('\n'))).result;
    const said = done.stdout.toString();
    assert.match(said, /^exit 3$/m, explain(done));
    assert.match(said, /^same$/m, explain(done));
    assert.doesNotMatch(said, /^\.millrace\/.*(corrupt|draft)/m, explain(done));
    assert.match(
      done.stderr,
      /disk of the state in .* is full, .*, so what was to take its place could not be/,
    );
  }
});

test('a disk on which there is no room for another state is told of, and nothing is left on it', {
  skip: canMount,
}, async (t) => {
  const project = await withExport(t);
  const millrace = (...args: string[]): string => project.shellLine(args);
  const look = 'test -e .millrace/draft && echo draft is left';
  const script = [
    `cp ../manifest millrace.toml; ${millrace('import', '../all.json')} && ${millrace('backup')}`,
    ...[1000, 6000, 9000].map((free) =>
      [
        `${fillBut(free)}; ${millrace('restore')}; echo restore $?; ${look}`,
        `${millrace('import', '../all.json')}; echo import $?; ${look}; rm big`,
      ].join('\n'),
    ),
    `${millrace('export', 'again.json')}; cmp again.json ../all.json && echo same; ${millrace('restore')}; echo restore $?`,
  ];
  const done = await project.spawn(onSmallDisk(script.join('\n'))).result;
  const lines = done.stdout
    .toString()
    .split('\n')
    .filter((line) => /^(restore|import|draft|same)/.test(line));
  const failed = ['restore 3', 'import 3'];
  assert.deepEqual(lines, [...failed, ...failed, ...failed, 'same', 'restore 0'], explain(done));
  const told = done.stderr
    .split('\n')
    .filter((line) => / is full, or .* limit for files is reached/.test(line));
  assert.equal(told.length, 6, explain(done));
});

test('a reserve that was not written to its end is written anew', { skip: canMount }, async (t) => {
  const project = new Project(t, { 'disk/.keep': '', manifest: MANIFEST });
  const size = 'stat -c "size %s" .millrace/reserve';
  const script = [
    `cp ../manifest millrace.toml; touch keep; echo one > in; ${project.shellLine(['run'])}; ${size}`,
    // As long as it should be, but without the room.
    `truncate -s 0 .millrace/reserve; truncate -s 8M .millrace/reserve; echo two > in`,
    `${project.shellLine(['run'])}; ${size}; stat -c "blocks %b" .millrace/reserve`,
  ];
  const done = await project.spawn(onSmallDisk(script.join('\n'))).result;
  const lines = done.stdout
    .toString()
    .split('\n')
    .filter((line) => /^(size|blocks)/.test(line));
  assert.deepEqual(lines, ['size 8388608', 'size 8388608', 'blocks 16384'], explain(done));
});
