import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LaneCommand, LanePool, LaneResult } from '../../src/engine/lane/index.js';
import { chooseSeed, openPool, randomFrom, run, temporaryFolder, text, until } from './lane-support.js';

/** Two lanes in each of which a command runs that waits for its gate, and has another one wait behind it. */
class Scene {
  readonly folder: string;
  readonly pool: LanePool;
  readonly first: Promise<LaneResult>;
  readonly second: Promise<LaneResult>;
  readonly #gates = new Map<string, number>();

  private constructor(folder: string, pool: LanePool, end: string, options: Partial<LaneCommand>) {
    this.folder = folder;
    this.pool = pool;
    execFileSync('mkfifo', ['first', 'second'], { cwd: folder });
    // Held open, so that nothing is lost if the gate is opened before its command is there.
    for (const name of ['first', 'second']) this.#gates.set(name, openSync(join(folder, name), 'r+'));
    this.first = this.run(`: >first.up; read x <first; [ "$x" ] || { ${end}; }`, { expected: 1, ...options });
    this.second = this.run(': >second.up; read x <second', { expected: 1 });
  }

  /** @param end what the first command does when its gate is opened */
  static async open(t: TestContext, end = ':', options: Partial<LaneCommand> = {}): Promise<Scene> {
    const pool = openPool(t, { size: 2, graceMs: 5000 });
    const folder = await temporaryFolder(t);
    await startLanes(pool, folder);
    for (let attempt = 1; ; attempt++) {
      const scene = new Scene(folder, pool, end, options);
      if (pool.ahead === 2) {
        t.after(() => scene.close());
        return scene;
      }
      // This process was kept waiting, so that its commands count as long ones.
      assert.ok(attempt < 20, 'nothing may wait in a lane');
      await scene.leave();
    }
  }

  /** Ends the commands at the gates without what the first one does then. */
  private async leave(): Promise<void> {
    for (const fd of this.#gates.values()) writeSync(fd, 'no\n');
    await Promise.all([this.first, this.second]);
    this.close();
    for (const name of ['first', 'second', 'first.up', 'second.up'])
      rmSync(join(this.folder, name), { force: true });
  }

  run(command: string, options: Partial<LaneCommand> = {}, signal?: AbortSignal): Promise<LaneResult> {
    return run(this.pool, command, { cwd: this.folder, ...options }, signal);
  }

  /** A command that makes a file: it waits in the lane of the first one, or in that of the second if it is itself the second. */
  touch(name: string, signal?: AbortSignal): Promise<LaneResult> {
    return this.run(`: >${name}`, {}, signal);
  }

  open(gate: 'first' | 'second'): void {
    writeSync(this.#gates.get(gate)!, '\n');
  }

  /** Opens gates, and blocks this process until all files are there, or for so many seconds: what happens meanwhile it notices later. */
  async openUnseen(
    gates: readonly ('first' | 'second')[],
    awaited: readonly string[] | number,
  ): Promise<void> {
    // From here on, what timers are due comes before what has been reported.
    await nextTurn();
    for (const gate of gates) this.open(gate);
    const wait =
      typeof awaited === 'number'
        ? `sleep ${awaited}`
        : awaited.map((name) => `until [ -e ${name} ]; do sleep 0.01; done`).join(';');
    execFileSync('sh', ['-c', wait], { cwd: this.folder });
  }

  /** Lets go of the gates. */
  close(): void {
    for (const fd of this.#gates.values()) closeSync(fd);
  }

  /** Waits until the commands at the gates are there. */
  async arrived(): Promise<void> {
    await until('all have arrived', () => this.exists('first.up') && this.exists('second.up'));
  }

  exists(name: string): boolean {
    return existsSync(join(this.folder, name));
  }
}

/** Starts both lanes of a pool: each of two commands waits for the other. */
async function startLanes(pool: LanePool, cwd: string): Promise<void> {
  const meet = (name: string) => run(pool, `: >${name}; until [ -e a -a -e b ]; do :; done`, { cwd });
  await Promise.all([meet('a'), meet('b')]);
  await run(pool, 'rm a b', { cwd });
}

const outcomeOf = async (result: Promise<LaneResult>) => (await result).outcome;

describe('a command that waits in a lane', { concurrency: 1 }, () => {
  test('begins when the one before has ended, and has an output of its own', async (t) => {
    const scene = await Scene.open(t, 'echo from the first');
    const begun: string[] = [];
    const waiting = ['a', 'b'].map((name) =>
      scene.run(`echo from ${name}; read x <second`, { onBegin: () => begun.push(name) }),
    );
    assert.deepEqual(begun, []);
    scene.open('first');
    assert.equal(text(await scene.first), 'from the first\n');
    await until('one that waited has begun', () => begun.length === 1);
    for (let count = 0; count < 3; count++) scene.open('second');
    assert.deepEqual((await Promise.all(waiting)).map(text), ['from a\n', 'from b\n']);
    assert.deepEqual(begun.sort(), ['a', 'b']);
  });

  test('is run by another lane that has nothing to do', async (t) => {
    const scene = await Scene.open(t);
    const waiting = [scene.touch('a'), scene.touch('b')];
    scene.open('second');
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['exited', 'exited']);
    assert.ok(scene.exists('a') && scene.exists('b'));
    scene.open('first');
    assert.equal((await scene.first).exitCode, 0);
    await startLanes(scene.pool, scene.folder);
  });

  test('comes first again if the one before it turns out to be long', async (t) => {
    const scene = await Scene.open(t);
    const order: string[] = [];
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const results = names.map((name) => scene.run(`echo ${name}`, { onBegin: () => order.push(name) }));
    await scene.arrived();
    // Both are long by now.
    await new Promise((resolve) => setTimeout(resolve, 40));
    scene.open('second');
    await Promise.all(results);
    const [behindFirst] = order.slice(0, 2).sort();
    assert.equal(behindFirst, 'a', `${order}`);
    assert.deepEqual(order.slice(0, 2).sort(), ['a', 'b']);
    scene.open('first');
    await scene.first;
  });

  test('does not begin if the one before fails and nothing more shall start', async (t) => {
    const scene = await Scene.open(t, 'exit 3');
    const waiting = [scene.touch('a'), scene.touch('b')];
    const stop = scene.first.then((result) => {
      scene.pool.withdraw();
      return result.exitCode;
    });
    await scene.arrived();
    await scene.openUnseen(['first'], 0.1);
    assert.equal(await stop, 3);
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['withdrawn', 'withdrawn']);
    scene.open('second');
    await scene.second;
    assert.ok(!scene.exists('a') && !scene.exists('b'));
  });

  for (const [what, end, options, expected] of [
    ['fails', 'exit 3', {}, { outcome: 'exited', exitCode: 3 }],
    ['kills the lane', 'kill -9 $PPID; sleep 60', {}, { outcome: 'exited', exitCode: 137 }],
    ['kills the whole group', 'kill -9 0; sleep 60', {}, { outcome: 'exited', exitCode: 137 }],
    ['leaves a straggler', 'sleep 60 & echo $! >straggler', {}, { outcome: 'exited', exitCode: 0 }],
    ['has no folder', ':', { cwd: '/nowhere/at/all' }, { outcome: 'spawn-failed', exitCode: undefined }],
    ['runs into its timeout', 'sleep 60', { timeout: 40 }, { outcome: 'timed-out', exitCode: 143 }],
    [
      'succeeds in spite of its timeout',
      'trap "exit 0" TERM; while :; do sleep 0.01; done',
      { timeout: 40 },
      { outcome: 'timed-out', exitCode: 0 },
    ],
  ] as const) {
    test(`is run once if the one before ${what}`, async (t) => {
      const scene = await Scene.open(t, end, options);
      const waiting = [scene.run('echo a >>a'), scene.run('echo b >>b')];
      scene.open('first');
      const { outcome, exitCode } = await scene.first;
      assert.deepEqual({ outcome, exitCode }, expected);
      assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['exited', 'exited']);
      for (const name of ['a', 'b']) assert.equal(text(await scene.run(`cat ${name}`)), `${name}\n`);
      scene.open('second');
      await scene.second;
      if (scene.exists('straggler')) assert.equal((await scene.run('kill $(cat straggler)')).exitCode, 0);
    });
  }

  test('that has begun before we could know is not withdrawn, and can be cancelled', async (t) => {
    const scene = await Scene.open(t);
    const cancelled = new AbortController();
    const waiting = ['a', 'b'].map((name) =>
      scene.run(`: >${name}; read x <nothing || sleep 60`, {}, cancelled.signal),
    );
    await scene.arrived();
    await scene.openUnseen(['first', 'second'], ['a', 'b']);
    scene.pool.withdraw();
    cancelled.abort();
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['cancelled', 'cancelled']);
    assert.deepEqual(await Promise.all([scene.first, scene.second].map(outcomeOf)), ['exited', 'exited']);
  });

  test('does not come back when it was withdrawn before it was known that the one before had failed', async (t) => {
    const scene = await Scene.open(t, 'exit 3');
    const waiting = [scene.touch('a'), scene.touch('b')];
    await scene.arrived();
    await scene.openUnseen(['first'], 0.1);
    scene.pool.withdraw();
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['withdrawn', 'withdrawn']);
    scene.open('second');
    await Promise.all([scene.first, scene.second]);
    assert.equal(await outcomeOf(scene.touch('c')), 'exited');
    assert.ok(!scene.exists('a') && !scene.exists('b'));
  });

  test('is not hit by a timeout of the one before that comes too late', async (t) => {
    const scene = await Scene.open(t, ':', { timeout: 800 });
    const waiting = [scene.run('sleep 1.2'), scene.run('sleep 1.2')];
    await scene.arrived();
    await scene.openUnseen(['first', 'second'], 1);
    assert.deepEqual(await Promise.all([scene.first, scene.second].map(outcomeOf)), ['exited', 'exited']);
    for (const { outcome, exitCode } of await Promise.all(waiting)) {
      assert.deepEqual([outcome, exitCode], ['exited', 0]);
    }
  });

  test('may kill the lane before the end of the one before is known', async (t) => {
    const scene = await Scene.open(t, 'echo fine');
    const waiting = ['a', 'b'].map((name) => scene.run(`echo ${name} >>${name}; kill -9 $PPID; sleep 60`));
    await scene.arrived();
    await scene.openUnseen(['first', 'second'], ['a', 'b']);
    assert.equal(text(await scene.first), 'fine\n');
    assert.deepEqual(
      (await Promise.all([scene.second, ...waiting])).map(({ exitCode }) => exitCode),
      [0, 137, 137],
    );
    for (const name of ['a', 'b']) assert.equal(text(await scene.run(`cat ${name}`)), `${name}\n`);
  });

  test('can be cancelled alone', async (t) => {
    const scene = await Scene.open(t);
    const cancelled = new AbortController();
    const waiting = scene.touch('a', cancelled.signal);
    cancelled.abort();
    assert.equal(await outcomeOf(waiting), 'withdrawn');
    scene.open('first');
    scene.open('second');
    assert.deepEqual(await Promise.all([scene.first, scene.second].map(outcomeOf)), ['exited', 'exited']);
    assert.equal(await outcomeOf(scene.touch('b')), 'exited');
    assert.ok(!scene.exists('a'));
  });

  test('does not begin when all are cancelled, whatever the order', async (t) => {
    const cancelled = new AbortController();
    const scene = await Scene.open(t);
    const running = scene.run('echo >up; read x <nothing', {}, cancelled.signal);
    const waiting = [scene.touch('a', cancelled.signal), scene.touch('b', cancelled.signal)];
    cancelled.abort();
    scene.open('first');
    scene.open('second');
    await Promise.all([running, scene.first, scene.second]);
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), ['withdrawn', 'withdrawn']);
    assert.ok(!scene.exists('a') && !scene.exists('b'));
  });

  test('is withdrawn when the pool is closed', async (t) => {
    const scene = await Scene.open(t);
    const waiting = [scene.touch('a'), scene.touch('b'), scene.touch('c')];
    await scene.arrived();
    await scene.pool.close();
    assert.deepEqual(await Promise.all(waiting.map(outcomeOf)), Array(3).fill('withdrawn'));
    assert.deepEqual(await Promise.all([scene.first, scene.second].map(outcomeOf)), [
      'cancelled',
      'cancelled',
    ]);
    assert.ok(!scene.exists('a') && !scene.exists('b'));
  });

  test('never waits with a pool of one, or behind a long one', async (t) => {
    const single = openPool(t);
    await run(single, 'true');
    const only = run(single, 'true', { expected: 1 });
    assert.equal(single.ahead, 0);
    await only;
    const pool = openPool(t, { size: 2 });
    await startLanes(pool, await temporaryFolder(t));
    const long = [run(pool, 'true', { expected: 60_000 }), run(pool, 'true', { expected: 60_000 })];
    assert.equal(pool.ahead, 0);
    await Promise.all(long);
  });
});

/** Commands that end in all ways; each notes its start and holds one of the locks, of which there are as many as lanes. */
const ENDINGS = [
  ...Array<string>(12).fill('echo $ID'),
  'echo $ID; exit 7',
  'head -c 200000 /dev/zero | tr "\\0" x; echo $ID',
  'sleep 0.005; echo $ID',
  'kill -9 $PPID',
  'kill -9 0',
  'exec 9<&-; sleep 0.05 & echo $ID',
  'sleep 30',
] as const;

test('whatever commands do, each runs once at most, never more at once than may, and none is lost', async (t) => {
  const random = randomFrom(chooseSeed(t));
  const folder = await temporaryFolder(t);
  const size = 2;
  const pool = openPool(t, { size, graceMs: 100 });
  const lock = Array.from({ length: size }, (_, at) => `exec 9>lock-${at}; flock -n 9`).join(' || { ');
  const prelude = `echo $ID >>begun; { ${lock}${' ; }'.repeat(size - 1)}; } || echo $ID >>too-many;`;
  const results = Array.from({ length: 400 }, async (_, id) => {
    const ending = ENDINGS[Math.floor(random() * ENDINGS.length)]!;
    const stopped = new AbortController();
    const isLong = ending === 'sleep 30';
    const isCancelled = random() < 0.05;
    let begun = 0;
    const options: Partial<LaneCommand> = {
      ...{ cwd: folder, env: { ID: `${id}` }, expected: 1, onBegin: () => begun++ },
      ...(isLong ? { timeout: 5 + random() * 30 } : {}),
    };
    const result = run(pool, `${prelude} ${ending}`, options, stopped.signal);
    if (isCancelled) setTimeout(() => stopped.abort(), random() * 1500).unref();
    return { id, ending, isLong, isCancelled, result: await result, begun: () => begun };
  });
  const ended = await Promise.all(results);
  const lines = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim().split('\n') : [];
  assert.deepEqual(lines('too-many'), []);
  const started = lines('begun');
  assert.equal(new Set(started).size, started.length, 'a command ran twice');
  for (const { id, ending, isLong, isCancelled, result, begun } of ended) {
    const { outcome, exitCode, output } = result;
    const message = `${id}: ${ending}: ${JSON.stringify({ outcome, exitCode, message: result.message })}`;
    assert.equal(begun(), outcome === 'withdrawn' ? 0 : 1, message);
    if (outcome === 'withdrawn') assert.ok(!started.includes(`${id}`), message);
    if (outcome === 'cancelled' || outcome === 'withdrawn') {
      assert.ok(isCancelled, message);
    } else if (isLong) {
      assert.equal(outcome, 'timed-out', message);
    } else {
      assert.equal(outcome, 'exited', message);
      assert.ok(started.includes(`${id}`), message);
      if (ending.includes('kill -9')) assert.equal(exitCode, 137, message);
      else assert.equal(exitCode, ending.includes('exit 7') ? 7 : 0, message);
      if (ending.endsWith('echo $ID')) assert.ok(output.toString().endsWith(`${id}\n`), message);
      if (ending === 'echo $ID') assert.equal(output.toString(), `${id}\n`, message);
    }
  }
});
