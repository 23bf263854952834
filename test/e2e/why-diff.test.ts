import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { RunComparison } from '../../src/engine/run-comparison.js';
import type { SeenDifference } from '../../src/engine/seen.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { explain, Project } from './rig.js';

const sha256 = (text: string) => hash('sha256', text);

/** in → gen → app; app also reads b*, and two variables, and fails while there is a file `fail`. */
const TASKS = {
  gen: { command: 'cat in > gen.txt', inputs: ['in'], outputs: ['gen.txt'] },
  app: {
    command: 'cat b* gen.txt > out; test ! -e fail',
    deps: ['gen'],
    inputs: ['b*'],
    outputs: ['out'],
    inheritEnv: ['MODE', 'OTHER'],
  },
};

describe('millrace why --diff', { concurrency: 2 }, () => {
  test('tells what a task saw differently in any two runs, whatever happened between them', async (t) => {
    const random = randomFrom(chooseSeed(t));
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const project = new Project(t, { in: '0', b0: '0' });
    project.writeTasks(TASKS);
    /** What app saw in each run: the mode, and its inputs. */
    const seen: { mode: string; inputs: Map<string, string> }[] = [];
    const sources = new Map([['b0', '0']]);
    let [mode, fails] = ['x', false];
    for (let run = 0; run < 10; run++) {
      const input = String(Math.floor(random() * 3));
      project.write('in', input);
      const name = pick(['b1', 'b2', 'b3']);
      if (sources.delete(name)) project.delete(name);
      else
        sources.set(name, input).forEach((text, path) => {
          project.write(path, text);
        });
      if (random() < 0.4) mode = pick(['x', 'y']);
      fails = random() < 0.3;
      if (fails) project.write('fail', '');
      else if (project.exists('fail')) project.delete('fail');
      await project.millrace(['run', ...(random() < 0.2 ? ['--force'] : [])], { env: { MODE: mode } });
      seen.push({ mode, inputs: new Map([...sources, ['gen.txt', input]]) });
    }
    for (let pair = 0; pair < 12; pair++) {
      const [one, other] = [pick([...seen.keys()]), pick([...seen.keys()])];
      const args = ['why', 'app', '--diff', String(one + 1), String(other + 1)];
      const { differences } = await project.json<RunComparison>(args);
      assert.deepEqual(differences, differencesOf(seen[one]!, seen[other]!), args.join(' '));
    }
  });

  test('is shown to a person, as of the last attempt before each run', async (t) => {
    const project = new Project(t, { in: '1', b1: '1' });
    project.writeTasks(TASKS);
    for (const content of ['1', '2', '2']) {
      project.write('in', content);
      if (content === '2') project.write('b2', '2');
      await project.build();
    }
    const { stdout } = await project.millrace(['why', 'app', '--diff', '1', '3']);
    const [one, two] = [sha256('1').slice(0, 12), sha256('2').slice(0, 12)];
    assert.equal(
      stdout.toString(),
      `app\n  run 1: executed\n  run 3: executed (as of run 2)\n  what it saw differs:\n    + "b2" ${two}\n      "gen.txt" ${one} → ${two}, made by "gen"\n`,
    );
    const same = await project.millrace(['why', 'gen', '--diff', '2', '3']);
    assert.match(same.stdout.toString(), /\n {2}what it saw is the same\n$/);
  });

  test('says what it cannot know', async (t) => {
    const project = new Project(t, { in: '1', b1: '1' });
    project.writeTasks({ gen: TASKS.gen });
    await project.build();
    project.writeTasks(TASKS);
    await project.build();
    for (const [args, message] of [
      [['app', '--diff', '1', '2'], /What "app" saw in run 1 or before is not known/],
      [
        ['gen', '--diff', '1', '3'],
        /There is no run 3 in the history: the last one was 2, or it is forgotten\.\n/,
      ],
      [['--diff', '1', '2', 'gen'], /missing required argument 'task' \(it stands before the option/],
      [['gen', '--chain', '--diff', '1', '2'], /'--diff <runs...>' cannot be used with option '--chain'/],
      [['gen', '--diff', '1'], /--diff takes the numbers of two runs/],
      [['gen', '--diff', 'a', 'b'], /--diff takes the numbers of two runs/],
    ] as const) {
      const result = await project.millrace(['why', ...args]);
      assert.equal(result.exitCode, 2, explain(result));
      assert.match(result.stderr, message);
    }
  });
});

test('millrace why names the parts of the definition that changed, and all that the last run saw otherwise', async (t) => {
  const project = new Project(t, { in: '1', b: '1' });
  const task = {
    command: 'cat in b > out',
    inputs: ['in', 'b'],
    outputs: ['out'],
    env: { FOO: '1', BAR: '1' },
  };
  const why = async () => (await project.millrace(['why', 'a'])).stdout.toString();
  project.writeTasks({ a: task });
  await project.build();
  for (const [changes, words] of [
    [{ env: { FOO: '2', BAR: '1' } }, 'env.FOO changed'],
    [{ env: { FOO: '2' }, outputs: ['out', '*.log'] }, 'env.BAR, outputs changed'],
    [{ env: { FOO: '2' }, outputs: ['out', '*.log'], command: 'cat b in > out' }, 'the command changed'],
  ] as const) {
    project.writeTasks({ a: { ...task, ...changes } });
    assert.match(await why(), new RegExp(`next run: runs it\n    ${words}\n`));
    await project.build();
  }
  project.writeTasks({ a: { ...task, command: 'cat b in > out; false' } });
  project.write('in', '2');
  project.write('b', '2');
  await project.millrace(['run']);
  const [one, two] = [sha256('1').slice(0, 12), sha256('2').slice(0, 12)];
  const said = await why();
  const changed = `"b" ${one} → ${two}
        "in" ${one} → ${two}
`;
  const parts = 'command, env.BAR, env.FOO, outputs changed';
  assert.match(said, /ago: failed \(exit 1\), [\d.]+ m?s\n {4}the command or its variables changed\n/);
  assert.ok(
    said.includes(`
      ${parts}
        ${changed}`),
    said,
  );
  const { last } = await project.json<{ last: { differences: unknown[] } }>(['why', 'a']);
  assert.equal(last.differences.length, 3);
});

test('millrace why names the variables that changed', async (t) => {
  const project = new Project(t, { in: '1', b1: '1' });
  project.writeTasks(TASKS);
  await project.millrace(['run'], { env: { MODE: 'x', OTHER: 'same' } });
  const { stdout } = await project.millrace(['why', 'app'], { env: { MODE: 'y', OTHER: 'same' } });
  assert.match(stdout.toString(), /\n {4}the environment changed: MODE\n/);
});

test('millrace why names variables as they are, also one that every object has', async (t) => {
  const project = new Project(t);
  const inheritEnv = ['MODE', '__proto__', '__proto_'];
  project.writeTasks({ say: { command: 'touch out', outputs: ['out'], inheritEnv } });
  await project.millrace(['run'], { env: { MODE: 'x' } });
  const { stdout } = await project.millrace(['why', 'say'], { env: { MODE: 'y' } });
  assert.match(stdout.toString(), /\n {4}the environment changed: MODE\n/);
  const env = Object.fromEntries([['__proto__', 'z']]);
  await project.millrace(['run'], { env: { ...env, MODE: 'x' } });
  const diff = await project.json<{ differences: SeenDifference[] }>(['why', 'say', '--diff', '1', '2']);
  assert.deepEqual(diff.differences, [{ kind: 'environment-changed', variables: ['__proto__'] }]);
  const exported = await project.millrace(['export', '-']);
  assert.match(
    exported.stdout.toString(),
    /"variables":{"MODE":"[0-9a-f]{16}","__proto__":"unset","__proto_":"unset"}/,
  );
});

test('millrace why --diff names the maker of a file that only a pattern declares, behind a group', async (t) => {
  const project = new Project(t, { in: '1' });
  project.writeTasks({
    make: { command: 'mkdir -p out && cp in out/x', inputs: ['in'], outputs: ['out/*'] },
    group: { deps: ['make'] },
    use: { command: 'cat out/x > used', deps: ['group'], outputs: ['used'] },
  });
  await project.millrace(['run']);
  project.write('in', '2');
  await project.millrace(['run']);
  const { differences } = await project.json<{ differences: SeenDifference[] }>([
    'why',
    'use',
    '--diff',
    '1',
    '2',
  ]);
  assert.deepEqual(differences, [
    { kind: 'input-changed', path: 'out/x', producer: 'make', before: sha256('1'), after: sha256('2') },
  ]);
});

type Seen = { readonly mode: string; readonly inputs: ReadonlyMap<string, string> };

function differencesOf(one: Seen, other: Seen): SeenDifference[] {
  const environment = { kind: 'environment-changed', variables: ['MODE'] } as const;
  const paths = [...new Set([...one.inputs.keys(), ...other.inputs.keys()])].sort();
  return [
    ...(one.mode === other.mode ? [] : [environment]),
    ...paths.flatMap((path): SeenDifference[] => {
      const [before, after] = [one, other].map(({ inputs }) => {
        const text = inputs.get(path);
        return text === undefined ? undefined : sha256(text);
      });
      if (before === after) return [];
      if (before === undefined) return [{ kind: 'input-added', path, after: after! }];
      if (after === undefined) return [{ kind: 'input-removed', path, before }];
      const producer = path === 'gen.txt' ? { producer: 'gen' } : {};
      return [{ kind: 'input-changed', path, ...producer, before, after }];
    }),
  ];
}
