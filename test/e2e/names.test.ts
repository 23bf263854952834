import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { explain, finished, Project } from './rig.js';

/** Each would be something else to a shell that saw it unquoted. */
const NAMES = [
  'with space',
  ' leading and trailing ',
  "single ' quote",
  'double " quote',
  'both \' and "',
  'line\nbreak',
  'line\\nbreak',
  '$(touch pwned)',
  '`touch pwned`',
  '$HOME',
  '; touch pwned;',
  '-n',
  '--help',
  'back\\slash',
  'ümläut ☃ 😀',
  '*',
  '[a]',
  '{a,b}',
  '!not',
  '#hash',
  '~',
  'a&b|c<d>e',
  'tab\there',
  '%s%n',
];

describe('any name', { concurrency: 2 }, () => {
  test('can be that of a task and an argument', async (t) => {
    const project = new Project(t);
    const tasks = NAMES.map((name) => [name, { command: ['printf', '%s|', name, '$(touch pwned)'] }]);
    project.writeTasks(Object.fromEntries(tasks));
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 0, explain(result));
    const outputs = [...finished(result)].map(([task, { output }]) => [task, output]);
    assert.deepEqual(
      new Map(outputs as [string, string][]),
      new Map(NAMES.map((name) => [name, `${name}|$(touch pwned)|`])),
    );
    const plain = await project.millrace(['run', '--', ...NAMES]);
    assert.equal(plain.exitCode, 0, explain(plain));
    assert.equal(
      plain.stdout
        .toString()
        .split('\n')
        .filter((line) => /^\[\d+\/\d+\] /.test(line)).length,
      NAMES.length,
    );
    for (const args of [['status'], ['graph'], ['graph', '--format', 'dot'], ['status', '--', ...NAMES]]) {
      const { exitCode, stderr } = await project.millrace(args);
      assert.equal(exitCode, 0, stderr);
    }
    const { tasks: nodes } = await project.json<{ tasks: { id: string }[] }>(['graph']);
    assert.deepEqual(nodes.map(({ id }) => id).sort(), [...NAMES].sort());
    const dot = (await project.millrace(['graph', '--format', 'dot'])).stdout.toString();
    const drawn = dot.split('\n').filter((line) => /^ +"[^"]*(\\"[^"]*)*"$/.test(line));
    assert.equal(new Set(drawn).size, NAMES.length, dot);
    assert.equal(project.exists('pwned'), false);
  });

  test('can be that of a file', async (t) => {
    const files = NAMES.map((name, at) => ({ input: `in ${at} ${name}`, output: `out ${at} ${name}` }));
    const project = new Project(t, Object.fromEntries(files.map(({ input }) => [input, input])));
    const isPlain = (name: string) => !/[*?[\]{}!()\\]/.test(name);
    const plain = files.filter(({ output }) => isPlain(output));
    const tasks = plain.map(({ input, output }) => [
      input,
      { command: ['cp', '--', input, output], inputs: [input], outputs: [output] },
    ]);
    project.writeTasks({
      ...Object.fromEntries(tasks),
      all: { command: ['true'], inputs: ['in *'], outputs: ['out*'] },
    });
    assert.equal((await project.build()).size, plain.length + 1);
    for (const { input, output } of plain) assert.equal(project.read(output), input);
    assert.deepEqual(await project.build(), new Map());
    for (const { input } of files) project.write(input, `new ${input}`);
    const again = await project.build();
    assert.equal(again.size, plain.length + 1);
    assert.equal((again.get('all') as { count: number }).count, files.length);
    for (const { input, output } of plain) assert.equal(project.read(output), `new ${input}`);
    assert.equal(project.exists('pwned'), false);
  });

  test('can be that of a variable, a folder and a value', async (t) => {
    const folder = "it's $(touch pwned) \n `touch pwned`";
    const project = new Project(t, { [`${folder}/in`]: '' });
    project.writeTasks({
      show: {
        command: ['sh', '-c', 'pwd; printf "%s|" "$VALUE"'],
        cwd: folder,
        env: { VALUE: folder },
      },
      env: { command: ['env'], env: { 'not.a-shell name': folder } },
      quoted: { command: 'printf "%s|%s" "$VALUE" \'$(touch pwned)\'', env: { VALUE: folder } },
    });
    const result = await project.millrace(['run', '--json']);
    assert.equal(result.exitCode, 0, explain(result));
    const { output } = finished(result).get('show')!;
    assert.equal(output, `${project.path(folder)}\n${folder}|`);
    assert.ok(finished(result).get('env')!.output.includes(`not.a-shell name=${folder}\n`));
    assert.equal(finished(result).get('quoted')!.output, `${folder}|$(touch pwned)`);
    assert.equal(project.exists('pwned'), false);
    assert.deepEqual(readdirSync(project.path(folder)), ['in']);
  });

  test('is not interpreted in a project folder either', async (t) => {
    const outer = new Project(t);
    const folder = "my $(touch pwned) 'project'";
    outer.write(`${folder}/in`, 'x');
    const copy = { command: 'cp in out', inputs: ['*', '!out'], outputs: ['out'] };
    outer.write(`${folder}/millrace.json`, JSON.stringify({ tasks: { copy } }));
    await outer.build([], { cwd: folder });
    assert.deepEqual(await outer.build(['-C', folder]), new Map());
    assert.equal(outer.read(`${folder}/out`), 'x');
  });
});

test('an unknown name is hinted at: by a file that a glob matches, and by the tasks of packages', async (t) => {
  const project = new Project(t);
  project.writeTasks({
    'app#build': { command: 'mkdir -p dist; echo > dist/app.txt', outputs: ['dist/**'] },
    'lib#build': { command: 'true' },
  });
  for (const [name, hint] of [
    ['dist/app.txt', '"app#build" makes it by a pattern: name that task'],
    ['build', 'did you mean "app#build" or "lib#build"?'],
  ]) {
    for (const command of ['run', 'why']) {
      const { exitCode, stderr } = await project.millrace([command, name!]);
      assert.equal(exitCode, 2);
      assert.ok(stderr.includes(`(${hint})`), stderr);
    }
  }
});
