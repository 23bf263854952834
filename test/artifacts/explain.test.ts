import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { explain } from '../../src/artifacts/index.js';
import type { TaskDefinition } from '../../src/task.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { Project } from './support.js';

const STEPS = 600;
const FILES = [
  'a',
  'b',
  'c',
  'o1',
  'o1b',
  'o2',
  'og',
  'src/x.ts',
  'src/y.ts',
  'src/skip.ts',
  'dist/x',
  'r/1',
  'r/1.out',
];
const CHANGES = [
  'write',
  'write',
  'write',
  'remove',
  'loop',
  'command',
  'inputs',
  'outputs',
  'outputs',
  'environment',
  'forget',
];
/** Of the 12 kinds, so many at least must have come first. */
const ENOUGH_KINDS = 9;

/** A small project that changes at random. */
class ChangingProject {
  readonly project: Project;
  private readonly random: () => number;
  private readonly variable = { command: 'make', inputs: ['a', 'b'], outputs: ['o1'] };
  private definitions: TaskDefinition[] = [];

  constructor(t: TestContext, random: () => number) {
    this.project = new Project(t);
    this.random = random;
    for (const file of ['a', 'b', 'c', 'src/x.ts', 'r/1']) this.project.write(file, file);
    this.define();
  }

  get ids(): string[] {
    return this.definitions.map(({ id }) => id);
  }

  /** Every other change is a run, for tasks to be fresh. */
  async change(): Promise<void> {
    if (this.random() < 0.5) for (const id of this.ids) await this.run(id);
    else this.changeOne(this.pick(CHANGES));
  }

  private changeOne(change: string): void {
    const { project } = this;
    if (change === 'environment') project.environment = { E: this.pick(['1', '2']) };
    else if (change === 'forget') project.artifacts.records.clear(project.row(this.pick(this.ids)));
    else if (change === 'command') this.define({ command: this.pick(['make', 'make -k']) });
    else if (change === 'inputs') this.define({ inputs: this.pick([['a', 'b'], ['b'], ['b', 'c']]) });
    else if (change === 'outputs') this.define({ outputs: this.pick([['o1'], ['o1', 'o1b']]) });
    else this.changeFile(change, this.pick(FILES));
  }

  private changeFile(change: string, file: string): void {
    if (lstatSync(this.project.path(file), { throwIfNoEntry: false })) this.project.remove(file);
    if (change === 'loop') {
      // Also a file that is there and cannot be read, whoever reads.
      mkdirSync(dirname(this.project.path(file)), { recursive: true });
      symlinkSync(this.project.path(file), this.project.path(file));
    } else if (change === 'write') this.project.write(file, this.pick(['1', '2']));
  }

  private async run(id: string): Promise<void> {
    const { outputs = [] } = this.definitions.find((task) => task.id === id)!;
    const plain = outputs.map((path) => path.replace('**', 'x').replace('*', '1'));
    const discovered = id === 'literal' || id === 'generator' ? [this.pick(FILES)] : [];
    const command = () => {
      for (const path of plain) this.changeFile('write', path);
    };
    try {
      await this.project.run(id, command, discovered);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'FILE_UNREADABLE');
    }
  }

  private define(change: Partial<typeof this.variable> = {}): void {
    Object.assign(this.variable, change);
    const { command, inputs, outputs } = this.variable;
    this.definitions = [
      {
        id: 'literal',
        command,
        inputs,
        outputs,
        literal: true,
        inheritEnv: ['E'],
      },
      {
        id: 'second',
        command: 'x',
        inputs: ['o1', 'c'],
        outputs: ['o2'],
        literal: true,
        dependencies: ['literal'],
      },
      { id: 'generator', command, inputs, outputs: ['og'], literal: true, ignoreCommandChange: true },
      {
        id: 'globs',
        command,
        inputs: ['src/*.ts', '!src/skip.ts'],
        outputs: ['dist/**'],
        dependencies: ['literal'],
      },
      { id: 'rewriter', command: 'x', inputs: ['r/*'], outputs: ['r/*.out'] },
      { id: 'always', command: 'x' },
      { id: 'group', inputs: ['c', 'o2'], literal: true, dependencies: ['second', 'globs'] },
    ];
    this.project.define(...this.definitions);
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)]!;
  }
}

test('what explains a task begins as the reason of its check, and is empty if it is fresh', async (t) => {
  const changing = new ChangingProject(t, randomFrom(chooseSeed(t)));
  const { project } = changing;
  const met = new Set<string>();
  let fresh = 0;
  for (let step = 0; step < STEPS; step++) {
    await changing.change();
    for (const id of changing.ids) {
      const verdict = project.checker().check(project.row(id));
      const differences = explain(project.checker().context, project.row(id));
      if (verdict.fresh) {
        assert.deepEqual(differences, [], `${id}, step ${step}`);
        fresh++;
        continue;
      }
      const { reason } = verdict;
      met.add(reason.kind);
      const first = 'count' in reason ? { ...differences[0], count: reason.count } : differences[0];
      assert.deepEqual(first, reason, `${id}, step ${step}`);
      const same = differences.filter(({ kind }) => kind === reason.kind).length;
      assert.ok(same >= ('count' in reason ? reason.count : 1), `${id}, step ${step}`);
      assert.equal(
        new Set(differences.map((difference) => JSON.stringify(difference))).size,
        differences.length,
      );
    }
  }
  assert.ok(met.size >= ENOUGH_KINDS, [...met].join());
  assert.ok(fresh > STEPS / 2, 'enough are fresh');
});

describe('explain', () => {
  test('tells all differences, one for each file', async (t) => {
    const project = new Project(t);
    const task = { id: 't', inputs: ['a', 'b', 'c', 'gone'], outputs: ['o', 'p'], literal: true } as const;
    project.define({ ...task, command: 'make' });
    for (const file of task.inputs) project.write(file, '1');
    const command = () => {
      for (const file of task.outputs) project.write(file, '1');
    };
    await project.run('t', command, ['d']);
    project.define(
      { ...task, command: 'make -k', inputs: ['a', 'b', 'gone', 'made', 'n'], dependencies: ['maker'] },
      { id: 'maker', command: 'x', outputs: ['made'], literal: true },
    );
    for (const file of ['a', 'b', 'd', 'n', 'o']) project.write(file, '2');
    for (const file of ['gone', 'p']) project.remove(file);
    assert.deepEqual(explain(project.checker().context, project.row('t')), [
      { kind: 'input-missing', path: 'gone' },
      { kind: 'command-changed' },
      { kind: 'input-added', path: 'made', producer: 'maker' },
      { kind: 'input-added', path: 'n' },
      { kind: 'input-removed', path: 'c' },
      { kind: 'input-changed', path: 'a' },
      { kind: 'input-changed', path: 'b' },
      { kind: 'input-changed', path: 'd' },
      { kind: 'output-missing', path: 'p' },
      { kind: 'output-changed', path: 'o' },
    ]);
  });

  test('tells all inputs that cannot be read', (t) => {
    const project = new Project(t);
    project.define({ id: 't', command: 'x', inputs: ['a', 'b', 'c'], outputs: ['o'], literal: true });
    for (const file of ['a', 'c']) symlinkSync(project.path(file), project.path(file));
    const told = explain(project.checker().context, project.row('t'));
    assert.deepEqual(
      told.map((difference) => [difference.kind, 'path' in difference && difference.path]),
      [
        ['input-unreadable', 'a'],
        ['input-unreadable', 'c'],
      ],
    );
  });
});
