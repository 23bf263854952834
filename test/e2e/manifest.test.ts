import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, truncateSync } from 'node:fs';
import { describe, test } from 'node:test';
import { explain, Project, type Result } from './rig.js';

async function refusal(project: Project, args: readonly string[] = []): Promise<string> {
  const result = await project.millrace(['run', ...args]);
  return messageOf(result);
}

function messageOf(result: Result): string {
  assert.equal(result.exitCode, 2, explain(result));
  assert.equal(result.stdout.length, 0);
  assert.match(result.stderr, /^millrace: error: [^\n]+\n$/);
  return result.stderr;
}

describe('a manifest is refused', { concurrency: 2 }, () => {
  test('with file, line and column', async (t) => {
    const project = new Project(t, { 'millrace.toml': '[tasks.a]\ncommand = "true"\ninputz = []\n' });
    assert.match(await refusal(project), /millrace\.toml:3:1: .*inputz.*did you mean "inputs"/);
    project.write('millrace.toml', '[tasks.a\n');
    assert.match(await refusal(project), /millrace\.toml:1:9: .*the table header is not closed/);
    project.write('millrace.toml', '[tasks.a]\ncommand = 5\n');
    assert.match(await refusal(project), /millrace\.toml:2:11: /);
  });

  test('in JSON, too', async (t) => {
    const project = new Project(t, { 'millrace.json': '{\n  "tasks": {\n    "a": {"deps": ["b"]}\n  }\n}' });
    assert.match(await refusal(project), /millrace\.json:3:20: no task is named "b"/);
    project.write('millrace.json', '{\n  "tasks": }');
    assert.match(await refusal(project), /millrace\.json:2:12: .*unexpected "}"/);
  });

  test('for a dependency cycle, which is named', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      a: { command: 'true', deps: ['b'] },
      b: { command: 'true', deps: ['c'] },
      c: { command: 'true', deps: ['a'] },
      d: { command: 'true', deps: ['a'] },
    });
    assert.match(await refusal(project), /cycle: (a → b → c → a|b → c → a → b|c → a → b → c)/);
    const cycle = await project.millrace(['graph', '--cycle']);
    assert.equal(cycle.exitCode, 1);
    assert.match(cycle.stdout.toString(), /^\w → \w → \w → \w\n$/);
    project.writeTasks({ a: { command: 'true' } });
    const none = await project.millrace(['graph', '--cycle']);
    assert.equal(none.stdout.toString(), 'no cycle\n');
    assert.equal(none.exitCode, 0);
  });

  test('for a dependency cycle, with the place of its first task', async (t) => {
    const manifests: Record<string, [manifest: string, message: RegExp]> = {
      'millrace.toml': [
        '[tasks.first]\n[tasks.a]\ndeps = ["b"]\n[tasks.b]\ndeps = ["a"]\n',
        /millrace\.toml:2:8: dependency cycle: a → b → a$/m,
      ],
      'millrace.json': [
        '{"tasks": {\n "a": {"deps": ["b"]},\n "b": {"deps": ["a"]}\n}}',
        /millrace\.json:2:2: dependency cycle: a → b → a$/m,
      ],
      'build.ninja': [
        'build first: phony\nbuild a a2: phony b\nbuild b: phony a2\n',
        /build\.ninja:2:1: dependency cycle: a → b → a$/m,
      ],
    };
    for (const [name, [manifest, message]] of Object.entries(manifests)) {
      const project = new Project(t, { [name]: manifest });
      assert.match(await refusal(project), message);
      // Also when the state is only read.
      assert.match(messageOf(await project.millrace(['graph'])), message);
    }
  });

  test('for a dependency cycle that a matrix makes, or outputs', async (t) => {
    const entry = (id: string, dependency: string) =>
      `[[matrix]]\nid = "${id}{n}"\nfor = { n = [1, 2] }\ndeps = ["${dependency}"]\n`;
    const matrix = new Project(t, { 'millrace.toml': entry('a', 'b1') + entry('b', 'a1') });
    assert.match(await refusal(matrix), /millrace\.toml:1:3: dependency cycle: a1 → b1 → a1$/m);
    const outputs = new Project(t);
    outputs.writeTasks({
      a: { command: 'cp x y', inputs: ['x'], outputs: ['y'] },
      b: { command: 'cp y x', inputs: ['y'], outputs: ['x'] },
    });
    assert.match(await refusal(outputs), /millrace\.json:\d+:\d+: dependency cycle: a → b → a$/m);
  });

  test('if two tasks have the same output', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      one: { command: 'touch out', outputs: ['out'] },
      two: { command: 'touch out', outputs: ['./out'] },
    });
    assert.match(await refusal(project), /"(\.\/)?out".*"(one|two)"/);
  });

  test('and what was there before is kept', async (t) => {
    const project = new Project(t, { in: '' });
    const copy = { command: 'cp in out', inputs: ['in'], outputs: ['out'] };
    project.writeTasks({ copy });
    await project.build();
    project.writeTasks({ copy: { ...copy, deps: ['nothing'] } });
    await refusal(project);
    project.writeTasks({ copy: { ...copy, deps: ['other'] }, other: { deps: ['copy'] } });
    await refusal(project);
    project.writeTasks({ copy });
    assert.deepEqual(await project.build(), new Map());
  });

  test('if there is none, or its kind is unknown', async (t) => {
    const project = new Project(t, { 'tasks.yaml': '' });
    assert.match(await refusal(project), /millrace\.toml/);
    assert.equal(project.exists('.millrace'), false);
    assert.match(await refusal(project, ['-f', 'tasks.yaml']), /tasks\.yaml/);
    assert.match(await refusal(project, ['-f', 'missing.toml']), /missing\.toml/);
    assert.match(await refusal(project, ['-C', 'nowhere']), /"nowhere"/);
  });
});

test('bad usage is one sentence and exit code 2', async (t) => {
  const project = new Project(t, { 'millrace.toml': '' });
  for (const args of [['-j', '0'], ['-k', 'x'], ['--wrong'], ['-j'], ['-j', '1.5']]) {
    await refusal(project, args);
  }
  messageOf(await project.millrace(['graph', '--format', 'xml']));
  const json = await project.millrace(['run', '--json', '-j', '0']);
  assert.equal(json.exitCode, 2);
  assert.equal(json.events.at(-1)!.type, 'error');
});

test('an empty manifest has nothing to do', async (t) => {
  const project = new Project(t, { 'millrace.toml': '' });
  const result = await project.millrace([]);
  assert.equal(result.exitCode, 0, explain(result));
  assert.equal(result.stdout.toString(), 'millrace: nothing to do\n');
});

test('tasks may be removed, renamed and added', async (t) => {
  const project = new Project(t, { in: '' });
  const copy = (to: string) => ({ command: `cp in ${to}`, inputs: ['in'], outputs: [to] });
  project.writeTasks({ a: copy('a.out'), b: copy('b.out') });
  await project.build();
  project.writeTasks({ b: copy('b.out'), c: { ...copy('c.out'), deps: ['b'] } });
  assert.deepEqual(await project.build(), new Map([['c', { kind: 'never-ran' }]]));
  const { counts } = await project.json<{ counts: { total: number } }>(['status']);
  assert.equal(counts.total, 2);
  project.writeTasks({ renamed: copy('b.out') });
  assert.deepEqual(await project.build(), new Map([['renamed', { kind: 'never-ran' }]]));
});

test('a manifest that is no file, or too long, is refused before it is read', {
  timeout: 60_000,
}, async (t) => {
  if (process.platform === 'win32') return t.skip('there are no pipes');
  const project = new Project(t);
  const put: Readonly<Record<string, readonly [RegExp, (path: string) => void]>> = {
    pipe: [/it is not a regular file/, (path) => execFileSync('mkfifo', [path])],
    device: [/it is not a regular file/, (path) => symlinkSync('/dev/zero', path)],
    // Node itself reads no file of this length.
    long: [/the limit is 256 MiB in all/, (path) => truncateSync(path, 2 ** 32)],
  };
  for (const [what, [message, make]] of Object.entries(put)) {
    for (const [manifest, name] of [
      ['millrace.json', 'millrace.json'],
      ['build.ninja', 'part.ninja'],
    ] as const) {
      project.write('build.ninja', 'include part.ninja\n');
      if (what === 'long') project.write(name, '');
      make(project.path(name));
      // Should it wait, or read for ever, it does not outlive the test.
      const limited = [
        'timeout',
        '-s',
        'KILL',
        '20',
        ...project.commandLine(['run', '-f', manifest]),
      ] as const;
      const stderr = messageOf(await project.spawn(limited).result);
      assert.match(stderr, message, what);
      assert.ok(stderr.includes(name), stderr);
      rmSync(project.path(name));
    }
  }
});
