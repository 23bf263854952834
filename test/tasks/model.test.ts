import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TaskDefinition, TaskStatus } from '../../src/task.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';
import { type Core, openCore } from './support.js';

const { Pending, InProgress, Completed, Failed } = TaskStatus;
const STEPS = 4000;
const MOST_TASKS = 60;

interface ModelTask {
  status: TaskStatus;
  command: string | undefined;
  dependencies: string[];
}

/** The same state, told naively. */
class Model {
  tasks = new Map<string, ModelTask>();

  ids(): string[] {
    return [...this.tasks.keys()];
  }

  isReady(id: string): boolean {
    const { status, dependencies } = this.tasks.get(id)!;
    return status === Pending && dependencies.every((other) => this.tasks.get(other)!.status === Completed);
  }

  dependents(id: string): string[] {
    return this.ids().filter((other) => this.tasks.get(other)!.dependencies.includes(id));
  }

  reaches(from: string, to: string): boolean {
    return from === to || this.tasks.get(from)!.dependencies.some((other) => this.reaches(other, to));
  }

  level(id: string, known = new Map<string, number>()): number {
    const found = known.get(id);
    if (found !== undefined) return found;
    const below = this.tasks.get(id)!.dependencies.map((other) => this.level(other, known));
    const level = Math.max(-1, ...below) + 1;
    known.set(id, level);
    return level;
  }
}

test('random changes leave the same state as a naive model', (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  const some = <T>(items: readonly T[], most: number): T[] => [
    ...new Set(Array.from({ length: Math.floor(random() * (most + 1)) }, () => pick(items)!)),
  ];
  const core = openCore();
  const model = new Model();
  let named = 0;

  /** Does it in both; a change that the model calls wrong must be refused, and all is checked after it. */
  const attempt = (code: string | undefined, change: () => void): boolean => {
    if (code !== undefined) assert.throws(change, { code });
    else change();
    return code === undefined;
  };
  const move =
    (action: 'start' | 'complete' | 'fail' | 'release' | 'retry', from: TaskStatus, to: TaskStatus) => () => {
      const id = pick(model.ids());
      if (id === undefined) return;
      const legal = model.tasks.get(id)!.status === from && (action !== 'start' || model.isReady(id));
      if (attempt(legal ? undefined : 'ILLEGAL_TRANSITION', () => core.tasks[action](id)))
        model.tasks.get(id)!.status = to;
    };
  const newTask = (): TaskDefinition & { dependencies: string[] } => {
    const dependencies = model.tasks.size > 0 ? some(model.ids(), 3) : [];
    return { id: `t${named++}`, dependencies, ...(random() < 0.5 ? { command: `run ${named}` } : {}) };
  };
  const add = ({ id, command, dependencies }: TaskDefinition): void => {
    model.tasks.set(id, {
      status: Pending,
      command: command as string | undefined,
      dependencies: [...dependencies!],
    });
  };

  const changes: (() => void)[] = [
    () => {
      if (model.tasks.size >= MOST_TASKS) return;
      const batch = [newTask(), newTask()];
      batch[1]!.dependencies.push(batch[0]!.id);
      if (random() < 0.2) {
        batch[0]!.dependencies.push(batch[1]!.id);
        attempt('DEPENDENCY_CYCLE', () => core.tasks.define(batch));
        return;
      }
      core.tasks.define(random() < 0.5 ? batch : [...batch].reverse());
      batch.forEach(add);
    },
    () => {
      const gone = model.tasks.size > 0 ? some(model.ids(), 4) : [];
      const needed = gone.some((id) => model.dependents(id).some((other) => !gone.includes(other)));
      const busy = gone.some((id) => model.tasks.get(id)!.status === InProgress);
      if (needed || busy) {
        assert.throws(() => core.tasks.remove(gone), /cannot/);
        return;
      }
      core.tasks.remove(gone);
      for (const id of gone) model.tasks.delete(id);
    },
    () => {
      const [task, on] = [pick(model.ids()), pick(model.ids())];
      if (task === undefined || on === undefined) return;
      const code = task === on ? 'SELF_DEPENDENCY' : model.reaches(on, task) ? 'DEPENDENCY_CYCLE' : undefined;
      if (!attempt(code, () => core.graph.add(task, on))) return;
      const { dependencies } = model.tasks.get(task)!;
      if (!dependencies.includes(on)) dependencies.push(on);
    },
    () => {
      const task = pick(model.ids());
      if (task === undefined) return;
      const known = model.tasks.get(task)!;
      const on = pick(known.dependencies) ?? task;
      assert.equal(core.graph.remove(task, on), known.dependencies.includes(on));
      known.dependencies = known.dependencies.filter((other) => other !== on);
    },
    move('start', Pending, InProgress),
    move('complete', InProgress, Completed),
    move('fail', InProgress, Failed),
    move('release', InProgress, Pending),
    move('retry', Failed, Pending),
    () => {
      const id = pick(model.ids());
      if (id === undefined) return;
      const wrong = model.tasks.get(id)!.status === InProgress ? 'ILLEGAL_TRANSITION' : undefined;
      if (attempt(wrong, () => core.tasks.reset(id))) model.tasks.get(id)!.status = Pending;
    },
    () => {
      const row = core.tasks.claim();
      const ready = model.ids().filter((id) => model.isReady(id));
      if (row === undefined) {
        assert.deepEqual(ready, []);
        return;
      }
      assert.ok(ready.includes(core.tasks.idOf(row)));
      model.tasks.get(core.tasks.idOf(row))!.status = InProgress;
    },
    () => {
      if (random() > 0.2) return;
      for (const [id, task] of model.tasks) {
        if (task.status !== InProgress) continue;
        core.tasks.complete(id);
        task.status = Completed;
      }
      replaceSome(core, model, pick, random);
    },
  ];
  for (let step = 0; step < STEPS; step++) {
    changes[Math.floor(random() * changes.length)]!();
    compare(core, model);
    if (step % 50 === 0) compareReady(core, model);
  }
});

/** Replaces all by what there is, a few tasks changed or, if nobody needs them, dropped. */
function replaceSome(
  core: Core,
  model: Model,
  pick: <T>(items: readonly T[]) => T | undefined,
  random: () => number,
): void {
  const changed = pick(model.ids());
  const dropped = model.ids().filter((id) => model.dependents(id).length === 0 && random() < 0.2);
  if (changed !== undefined) {
    const task = model.tasks.get(changed)!;
    task.command = `other ${random()}`;
    task.status = Pending;
  }
  for (const id of dropped) model.tasks.delete(id);
  const definitions = model.ids().map((id) => {
    const { command, dependencies } = model.tasks.get(id)!;
    return { id, dependencies, ...(command === undefined ? {} : { command }) };
  });
  const isKept = changed !== undefined && model.tasks.has(changed);
  const summary = core.tasks.replaceAll(definitions);
  assert.deepEqual(summary, { added: 0, changed: isKept ? 1 : 0, removed: dropped.length });
}

function compare({ tasks, graph, table }: Core, model: Model): void {
  const count = (status: TaskStatus): number =>
    model.ids().filter((id) => model.tasks.get(id)!.status === status).length;
  assert.deepEqual(tasks.counts(), {
    total: model.tasks.size,
    pending: count(Pending),
    inProgress: count(InProgress),
    completed: count(Completed),
    failed: count(Failed),
  });
  for (const [id, { status, command, dependencies }] of model.tasks) {
    const found = tasks.get(id);
    assert.deepEqual([found.status, found.command, found.dependencies], [status, command, dependencies]);
    assert.deepEqual(graph.dependentsOf(id).sort(), model.dependents(id).sort());
    assert.equal(table.isReady(tasks.rowOf(id)), model.isReady(id));
    const position = (other: string): number => table.columns.position.get(tasks.rowOf(other));
    for (const other of dependencies)
      assert.ok(position(other) < position(id), `${other} stands before ${id}`);
  }
  const known = new Map<string, number>();
  const levels = graph.levels();
  assert.equal(levels.flat().length, model.tasks.size);
  levels.forEach((level, index) => {
    for (const id of level) assert.equal(model.level(id, known), index);
  });
  assert.deepEqual(graph.order(), levels.flat());
}

/** Claims all that is ready, compares, and gives it back. */
function compareReady({ tasks }: Core, model: Model): void {
  const claimed: string[] = [];
  for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) claimed.push(tasks.idOf(row));
  assert.deepEqual(
    claimed.sort(),
    model
      .ids()
      .filter((id) => model.isReady(id))
      .sort(),
  );
  for (const id of claimed) tasks.release(id);
}
