import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Explanation } from '../../src/engine/why.js';
import { explain, Project } from './rig.js';

/** in → a → b → c; a and b belong to a group that c needs. */
const TASKS = {
  a: { command: 'cat in > a.out', inputs: ['in'], outputs: ['a.out'] },
  b: { command: 'cat a.out > b.out', deps: ['a'], outputs: ['b.out'] },
  c: { command: 'cat b.out > c.out', deps: ['b'], inputs: ['src/*'], outputs: ['c.out'] },
  all: { deps: ['c'] },
};

async function built(t: TestContext): Promise<Project> {
  const project = new Project(t, { in: '1', 'src/f': '1' });
  project.writeTasks(TASKS);
  await project.build();
  return project;
}

/** The lines that a person sees, without times. */
async function why(project: Project, ...args: string[]): Promise<string> {
  const result = await project.millrace(['why', ...args]);
  assert.equal(result.exitCode, 0, explain(result));
  assert.equal(result.stderr, '');
  return result.stdout
    .toString()
    .replace(/\d+ s ago/g, 'T ago')
    .replace(/, [\d.]+ m?s$/gm, ', TIME');
}

describe('millrace why', { concurrency: 2 }, () => {
  test('tells what the last run did, and that the next one finds the task fresh', async (t) => {
    const project = await built(t);
    const ran = 'a\n  last run: 1, T ago: ran, TIME\n    no success on record\n  next run: fresh\n';
    assert.equal(await why(project, 'a'), ran);
    assert.equal(await why(project, 'a.out'), ran);
    await project.build();
    assert.equal(await why(project, 'a'), 'a\n  last run: 2, T ago: fresh\n  next run: fresh\n');
    project.write('src/f', '2');
    await project.build(['c']);
    assert.equal(await why(project, 'a'), 'a\n  last run: 3, T ago: fresh\n  next run: fresh\n');
    await project.build(['a']);
    const third = 'c\n  last run: 3, T ago: ran, TIME\n    input changed: "src/f"\n  next run: fresh\n';
    assert.equal(await why(project, 'c'), third);
    assert.equal(await why(project, 'all'), 'all\n  last run: none\n  next run: fresh\n');
  });

  test('tells all that has changed since', async (t) => {
    const project = await built(t);
    project.writeTasks({ ...TASKS, c: { ...TASKS.c, command: 'cat b.out src/* > c.out' } });
    project.write('src/f', '2');
    project.write('src/g', '1');
    project.write('in', '2');
    project.delete('c.out');
    assert.equal(
      await why(project, 'c'),
      `c
  last run: 1, T ago: ran, TIME
    no success on record
  next run: runs it, after "b"
    the command changed
    new input "src/g"
    input changed: "src/f"
    output is missing: "c.out"
`,
    );
  });

  test('follows the cause to a source file, now and in the last run', async (t) => {
    const project = await built(t);
    project.write('in', '2');
    assert.equal(
      await why(project, 'all', '--chain'),
      `all
  last run: none
  next run: runs it, unless it is fresh after "c", which runs first
  cause:
    all: "c" runs
      c: "b" runs
        b: "a" runs
          a: input changed: "in"
`,
    );
    await project.build(['b']);
    const { next, chain } = await project.json<Explanation>(['why', 'c', '--chain']);
    assert.deepEqual(next, {
      verdict: 'stale',
      differences: [{ kind: 'input-changed', path: 'b.out', producer: 'b' }],
    });
    const changed = { kind: 'input-changed', count: 1 };
    const below = [
      { task: 'b', run: 2, cause: { ...changed, path: 'a.out', producer: 'a' } },
      { task: 'a', run: 2, cause: { ...changed, path: 'in' } },
    ];
    assert.deepEqual(chain, [{ task: 'c', cause: next.differences[0] }, ...below]);
    await project.build();
    const explanation = await project.json<Explanation>(['why', 'c', '--chain']);
    assert.equal(explanation.next.verdict, 'fresh');
    assert.deepEqual(explanation.chain, [
      { task: 'c', run: 3, cause: { ...changed, path: 'b.out', producer: 'b' } },
    ]);
  });

  test('tells what failed, and what was blocked or had no turn', async (t) => {
    const project = await built(t);
    const bad = { command: 'exit 3', outputs: ['bad.out'] };
    project.writeTasks({ ...TASKS, bad, above: { command: 'x', deps: ['bad'], outputs: ['above.out'] } });
    const result = await project.millrace([]);
    assert.equal(result.exitCode, 1);
    assert.match(
      await why(project, 'bad'),
      /last run: 2, T ago: failed \(exit 3\), TIME\n {4}no success on record\n/,
    );
    assert.match(
      await why(project, 'above'),
      /last run: 2, T ago: blocked\n {2}next run: runs it, after "bad"\n/,
    );
    assert.match(await why(project, 'a'), /last run: 2, T ago: fresh\n/);
    project.writeTasks({ ...TASKS, new: { command: 'x', outputs: ['new.out'] } });
    assert.match(await why(project, 'new'), /next run: runs it\n {4}no success on record\n/);
  });

  test('tells of an attempt that is under way, and of one that was interrupted', {
    timeout: 60_000,
  }, async (t) => {
    const project = new Project(t);
    using _gate = project.gate('gate');
    const command = 'touch up; read line < gate; touch out';
    project.writeTasks({ slow: { command, inputs: [], outputs: ['out'] } });
    const invocation = project.start(['run']);
    await project.untilExists('up');
    // It is known as soon as a commit was made.
    let told = await why(project, 'slow');
    while (!/^slow\n {2}last run: 1, T ago: running\n/.test(told)) told = await why(project, 'slow');
    invocation.kill('SIGKILL');
    await invocation.result;
    assert.match(await why(project, 'slow'), /^slow\n {2}last run: 1, T ago: interrupted\n/);
  });

  test('tells why a task failed, as status does', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      lost: { command: 'x', inputs: ['nofile'], outputs: ['lost'] },
      lazy: { command: 'true', outputs: ['lazy'] },
    });
    assert.equal((await project.millrace(['-k0'])).exitCode, 1);
    const lost = 'Its input "nofile" is missing, and no task makes it.';
    const lazy = 'It exited with 0, but did not make its output "lazy".';
    assert.ok((await why(project, 'lost')).includes(`failed, TIME\n    ${lost}\n`));
    assert.ok((await why(project, 'lazy')).includes(`no success on record\n    ${lazy}\n`));
    const status = (await project.millrace(['status'])).stdout.toString();
    assert.ok(status.includes(`\n  lost: ${lost}\n  lazy: ${lazy}\n`), status);
    const task = (await project.millrace(['status', 'lost'])).stdout.toString();
    assert.ok(task.includes(`: failed: ${lost}, `), task);
  });

  test('follows what is blocked to the task that failed', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      good: { command: 'touch good', outputs: ['good'] },
      bad: { command: 'exit 3', outputs: ['bad'] },
      group: { deps: ['good', 'bad'] },
      above: { command: 'touch above', deps: ['group'], outputs: ['above'] },
    });
    assert.equal((await project.millrace(['-k0'])).exitCode, 1);
    project.delete('good');
    const text = await why(project, 'above', '--chain');
    assert.ok(
      text.endsWith(
        '  cause:\n    above: blocked by "group"\n      group: blocked by "bad"\n        bad (run 1): failed (exit 3)\n',
      ),
      text,
    );
  });

  test('names nobody who has only the name of a changed file', async (t) => {
    const project = new Project(t, { source: '1' });
    const manifest = 'rule cp\n  command = cp $in $out\nbuild source: phony\nbuild out: cp source\n';
    project.write('build.ninja', manifest);
    await project.build();
    project.write('source', '2');
    assert.match(await why(project, 'out'), /next run: runs it\n {4}input changed: "source"\n$/);
  });

  test('cuts long lists for people only', async (t) => {
    const project = await built(t);
    for (let at = 10; at < 40; at++) project.write(`src/${at}`, '');
    const text = await why(project, 'c');
    assert.match(text, /"src\/29"\n {4}\.\.\. and 10 more \(-v shows all\)\n$/);
    assert.match(await why(project, 'c', '-v'), /"src\/39"\n$/);
    const { next } = await project.json<Explanation>(['why', 'c']);
    assert.equal(next.differences.length, 30);
  });

  test('prints a stable object, and changes nothing', async (t) => {
    const project = await built(t);
    project.write('in', '2');
    const before = project.snapshot();
    const printed = await project.json<Record<string, unknown>>(['why', 'a']);
    assert.deepEqual(Object.keys(printed), ['v', 'task', 'last', 'next']);
    const { start, duration, key, ...last } = printed.last as Record<string, unknown>;
    assert.ok(typeof start === 'number' && typeof duration === 'number');
    assert.match(String(key), /^[0-9a-f]{16}$/);
    assert.deepEqual(last, { run: 1, outcome: 'executed', exitCode: 0, reason: { kind: 'never-ran' } });
    assert.deepEqual(printed.next, {
      verdict: 'stale',
      differences: [{ kind: 'input-changed', path: 'in' }],
    });
    await why(project, 'c', '--chain');
    assert.deepEqual(project.snapshot(), before);
    const { last: none } = await project.json<Record<string, unknown>>(['why', 'all']);
    assert.equal(none, null);
  });

  test('works before the first run, and names what is unknown or misused', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks(TASKS);
    assert.equal(
      await why(project, 'a'),
      'a\n  last run: none\n  next run: runs it\n    no success on record\n',
    );
    assert.ok(!project.exists('.millrace'));
    const unknown = await project.millrace(['why', 'alll']);
    assert.equal(unknown.exitCode, 2);
    assert.match(unknown.stderr, /No task is named "alll", .*\(did you mean "all"\?\)/);
    const misuse = await project.millrace(['why']);
    assert.equal(misuse.exitCode, 2);
    assert.match(misuse.stderr, /missing required argument 'task'/);
  });

  test('is not sure of a task whose input another one is about to make again', async (t) => {
    const project = new Project(t, { in: '1' });
    project.writeTasks({
      a: { command: 'cp in o', inputs: ['in'], outputs: ['o'] },
      b: { command: 'cp o p', deps: ['a'], outputs: ['p'] },
    });
    await project.millrace(['run']);
    project.delete('o');
    const { next } = await project.json<Explanation>(['why', 'b']);
    assert.equal(next.verdict, 'undecided');
    assert.deepEqual(next.differences, [{ kind: 'input-missing', path: 'o', producer: 'a' }]);
    project.delete('p');
    assert.equal((await project.json<Explanation>(['why', 'b'])).next.verdict, 'stale');
  });

  test('does not go in circles where depfiles name each other', async (t) => {
    const project = new Project(t, { in: '1', 'p.out': '', 'q.out': '' });
    const task = (own: string, other: string) => ({
      command: `cat ${other} > tmp; echo x >> tmp; mv tmp ${own}; echo '${own}: ${other}' > ${own}.d`,
      inputs: ['in'],
      outputs: [own],
      depfile: `${own}.d`,
    });
    project.writeTasks({ p: task('p.out', 'q.out'), q: task('q.out', 'p.out') });
    // Each time both make something new of what the other one has made.
    for (let round = 0; round < 3; round++) await project.millrace(['-j1']);
    const { chain } = await project.json<Explanation>(['why', 'p', '--chain']);
    assert.deepEqual(
      chain!.map((link) => [link.task, 'producer' in Object(link.cause) && Object(link.cause).producer]),
      [
        ['p', 'q'],
        ['q', 'p'],
      ],
    );
  });
});
