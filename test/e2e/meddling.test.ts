import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { COPY, outcomes, run, stored } from './cache-support.js';
import { eventsOf, Project, summary } from './rig.js';

/** What the command does is in its input. */
const SCRIPT = { command: 'sh in', inputs: ['in'], outputs: ['lib/**'] };

describe('whoever meddles with outputs', { concurrency: 2 }, () => {
  test('a task that runs before removes or overwrites them: they are made again', async (t) => {
    for (const [damage, read] of [
      ['rm -rf dist', 'b'],
      ['echo bad > dist/b', 'b'],
    ] as const) {
      const project = new Project(t, { s: '1', in: 'b' });
      project.writeTasks({
        prep: { command: `${damage}; mkdir -p dist; cp s dist/s`, inputs: ['s'], outputs: ['dist/s'] },
        b: { command: 'cp in dist/b', deps: ['prep'], inputs: ['in'], outputs: ['dist/b'] },
      });
      await run(project);
      // What prep makes is the same, so only a look at its own outputs tells that b is not fresh.
      project.delete('dist/s');
      await run(project, '--no-cache');
      assert.equal(project.read('dist/b'), read);
    }
  });

  test('the user edits what would be removed, or replaced by restoring', async (t) => {
    const project = new Project(t, { in: '' });
    project.writeTasks({ some: SCRIPT });
    const script = async (text: string) => {
      project.write('in', text);
      return outcomes(await run(project)).some;
    };
    await script('mkdir -p lib; echo 1 > lib/a; ln -sfn a lib/cur');
    await script('rm -r lib; mkdir lib; echo 2 > lib/a; echo 2 > lib/b');
    project.delete('lib/b');
    writeFileSync(project.path('mine'), '2\n');
    symlinkSync('../mine', project.path('lib/b'));
    symlinkSync('../mine', project.path('lib/cur'));
    // The link where one would go is the user's: the command decides.
    assert.equal(await script('mkdir -p lib; echo 1 > lib/a; ln -sfn a lib/cur'), 'executed');
    assert.equal(readlinkSync(project.path('lib/b')), '../mine');
  });

  test('leftovers do not pass for made: links, modes, what a failed attempt has left', async (t) => {
    const sequences: Record<string, [first: string, second: string, rest?: object]> = {
      link: ['mkdir -p lib; echo 1 > lib/real; ln -s real lib/old', 'echo 2 > lib/real'],
      mode: [
        'mkdir -p lib; echo 1 > lib/a; echo 1 > lib/old; chmod -R a+r lib',
        'echo 2 > lib/a; chmod -R a+r lib',
      ],
      retry: [
        'mkdir -p lib; echo 1 > lib/a',
        'if test -e mark; then rm mark; echo 2 > lib/a; else touch mark lib/old; exit 1; fi',
        { retries: 1 },
      ],
    };
    for (const [what, [first, second, rest]] of Object.entries(sequences)) {
      const project = new Project(t, { in: first });
      project.writeTasks({ some: { ...SCRIPT, ...rest } });
      await run(project);
      const kept = stored(project, 'actions').length;
      project.write('in', second);
      await run(project);
      assert.equal(stored(project, 'actions').length, kept, what);
    }
  });

  test('a pipe is where an output goes: nothing waits for it, on whatever file system the state is', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({ copy: { ...COPY, command: 'rm -f out; cp in out' } });
    await run(project);
    project.delete('out');
    execFileSync('mkfifo', [project.path('out')]);
    assert.deepEqual(outcomes(await run(project)), { copy: 'executed' });
  });

  test('something comes and goes beside inputs: nothing is kept', async (t) => {
    const project = new Project(t, { 'src/a': 'a', 'src/b': 'b' });
    // The times of files go by ticks of some milliseconds: what comes and goes in the tick of an earlier change is not seen.
    const tick = 'touch tick; until [ tick -nt src ]; do touch tick; done';
    const command = `${tick}; echo x > src/z; cat src/* > out; rm src/z`;
    project.writeTasks({
      glob: { command, inputs: ['src/*'], outputs: ['out'] },
      folder: { command: command.replace('out', 'two'), deps: ['glob'], inputs: ['src'], outputs: ['two'] },
      plain: {
        command: 'touch src/x; rm src/x; cat src/a > three',
        deps: ['folder'],
        inputs: ['src/a'],
        outputs: ['three'],
      },
    });
    const ended = eventsOf(await run(project), 'task-finished').map(({ task, notKept }) => [task, notKept]);
    const why = 'something came or went in "src", where its inputs are, while it ran';
    assert.deepEqual(ended, [
      ['glob', why],
      ['folder', why],
      ['plain', undefined],
    ]);
    // That a task makes its own folder beside its inputs says nothing.
    project.writeTasks({
      own: { command: 'mkdir made; cat *.json > made/x', inputs: ['*.json'], outputs: ['made/*'] },
    });
    const [own] = eventsOf(await run(project), 'task-finished');
    assert.equal(own!.notKept, undefined);
  });

  test('what has failed since is not restored', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({ copy: { ...COPY, command: 'test ! -e flag && cp in out' } });
    await run(project);
    project.write('flag', '');
    for (const args of [['--force'], [], []]) {
      assert.equal(summary(await project.millrace(['run', '--json', ...args])).failed, 1);
    }
  });

  test('what came to something else since stays for who asks for it', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({ copy: { ...COPY, command: 'test ! -e flag && cp in out' } });
    await run(project);
    const list = () =>
      project.json<{ versions: { version: string; retired: boolean }[] }>(['artifacts', 'list', 'copy']);
    const version = (await list()).versions[0]!.version;
    await project.millrace(['artifacts', 'pin', version]);
    project.write('flag', '');
    await project.millrace(['run', '--force']);
    assert.deepEqual(
      (await list()).versions.map((kept) => [kept.version, kept.retired]),
      [[version, true]],
    );
    const { stdout } = await project.millrace(['artifacts', 'list', 'copy']);
    assert.match(stdout.toString(), /, pinned, no longer used by runs\n/);
    await project.millrace(['artifacts', 'restore', version, '--into', 'there']);
    assert.equal(project.read('there/out'), '1');
    project.delete('flag');
    assert.deepEqual(outcomes(await run(project)), { copy: 'executed' });
    project.delete('out');
    assert.deepEqual(outcomes(await run(project)), { copy: 'cached' });
  });

  test('an input changes while outputs are restored by what it was: the command runs', async (t) => {
    const project = new Project(t, { in: 'v1', t: '' });
    using gate = project.gate('gate');
    const slow = (text: string) => ({
      command: `touch reached; read line < gate; echo ${text}; cp t so`,
      inputs: ['t'],
      outputs: ['so'],
    });
    const tasks = (text: string) => ({
      slow: slow(text),
      b: { command: 'cat in so > out', deps: ['slow'], inputs: ['in'], outputs: ['out'] },
    });
    project.writeTasks(tasks('1'));
    gate.open();
    await run(project);
    project.write('in', 'v2');
    await run(project);
    project.write('in', 'v1');
    project.writeTasks(tasks('2'));
    project.delete('reached');
    const running = project.start(['run', '--json']);
    await project.untilExists('reached');
    project.write('in', 'v3');
    gate.open();
    assert.equal((await running.result).exitCode, 0);
    assert.equal(project.read('out'), 'v3');
  });
});

test('sealed entries of strangers are misses, and set aside', async (t) => {
  const project = new Project(t, { in: '1', h: '1' });
  const command = 'echo out: in h > d; cat in h > out';
  project.writeTasks({ some: { command, inputs: ['in'], outputs: ['out'], depfile: 'd' } });
  const sealed = (text: string) => `${hash('sha256', text)}\n${text}`;
  const lists = [
    '{"version":1}',
    '{"version":1,"sets":5}',
    '{"version":1,"sets":[null]}',
    '{"version":1,"sets":[[5]]}',
    'not JSON',
    'null',
    '{"version":1,"sets":[[""]]}',
    '{"version":1,"sets":[["a\\u0000b"]]}',
    JSON.stringify({ version: 1, sets: [['x'.repeat(5000)]] }),
  ];
  const entries = [
    'not JSON',
    'null',
    '{"version":1,"task":"a","files":[null],"links":[],"folders":[],"log":null}',
  ];
  for (const [kind, texts] of [
    ['inputs', lists],
    ['actions', entries],
  ] as const) {
    for (const [index, text] of texts.entries()) {
      await run(project, '--force');
      for (const path of stored(project, kind)) writeFileSync(path, sealed(text));
      project.delete('out');
      assert.deepEqual(outcomes(await run(project)), { some: 'executed' }, text);
      for (const path of stored(project, kind)) writeFileSync(path, sealed(text));
      for (const args of [...(index < 2 ? [['gc'], ['artifacts']] : []), ['artifacts', 'verify']]) {
        const { exitCode, stderr } = await project.millrace(args);
        assert.ok(exitCode === 0 || args[1] === 'verify', `${args} ${text}: ${stderr}`);
        assert.ok(exitCode! < 2, stderr);
      }
      assert.equal(
        stored(project, kind).some((path) => readFileSync(path, 'utf8') === sealed(text)),
        false,
      );
    }
  }
});

test('why names who made what only a glob matches, and follows it', async (t) => {
  const project = new Project(t, { 'g.sh': 'mkdir -p o; echo 1 > o/a' });
  project.writeTasks({
    gen: { command: 'sh g.sh', inputs: ['g.sh'], outputs: ['o/**'] },
    use: { command: 'cat o/* > use.out', deps: ['gen'], outputs: ['use.out'] },
  });
  await run(project);
  project.write('g.sh', 'mkdir -p o; echo 2 > o/a');
  await run(project);
  const { stdout } = await project.millrace(['why', 'use', '--chain']);
  assert.match(
    stdout.toString(),
    /use \(run 2\): input changed: "o\/a", made by "gen"\n +gen \(run 2\): input changed: "g.sh"\n$/,
  );
  assert.deepEqual(readdirSync(project.path('o')), ['a']);
});

test('what an execution contradicts is retired, whatever way it failed, and a pinned version stays as it is', async (t) => {
  const project = new Project(t, { in: '1' });
  project.writeTasks({
    lacks: { command: 'rm -f out; test -e flag || cat in > out', inputs: ['in'], outputs: ['out'] },
    differs: { command: 'cat in other > out2', inputs: ['in'], outputs: ['out2'] },
  });
  project.write('other', 'precious');
  await run(project);
  const versionOf = async (task: string) =>
    (await project.json<{ versions: { version: string }[] }>(['artifacts', 'list', task])).versions[0]!
      .version;
  const pinned = await versionOf('differs');
  await project.millrace(['artifacts', 'pin', pinned]);
  project.write('flag', '');
  project.write('other', 'new');
  const forced = await project.millrace(['run', '--json', '--force', '-k0']);
  assert.equal(summary(forced).failed, 1);
  assert.equal(summary(await project.millrace(['run', '--json', 'lacks'])).failed, 1);
  const differs = eventsOf(forced, 'task-finished').find(({ task }) => task === 'differs')!;
  assert.match(differs.notKept!, /^its version [0-9a-f]{12} is pinned, and holds something else$/);
  await project.millrace(['artifacts', 'restore', pinned, '--into', 'there']);
  assert.equal(project.read('there/out2'), '1precious');
  project.delete('out2');
  await project.millrace(['run', 'differs']);
  assert.equal(project.read('out2'), '1new');
});

test('what does not write its depfile again is not kept: it may say nothing of what was read', async (t) => {
  const project = new Project(t, { in: 'h', g: '1', h: 'h' });
  const command = 'cat $(cat in) > o; test -e o.d || echo "o: $(cat in)" > o.d';
  project.writeTasks({ a: { command, inputs: ['in'], outputs: ['o'], depfile: 'o.d' } });
  const notKept = async () => eventsOf(await run(project), 'task-finished')[0]!.notKept;
  assert.equal(await notKept(), undefined);
  project.write('in', 'g');
  assert.equal(await notKept(), 'its depfile "o.d" was there before, and was not written again');
  project.write('g', '2');
  project.delete('o', 'o.d');
  assert.deepEqual(outcomes(await run(project)), { a: 'executed' });
  assert.equal(project.read('o'), '2');
});
