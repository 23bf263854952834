import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { LanePool, LaneResult } from '../../src/engine/lane/index.js';
import { chooseSeed, openPool, randomFrom, run, temporaryFolder, until } from './lane-support.js';

const ROUNDS = 300;

/** A pool whose first lane is there, and a folder for what its commands leave behind. */
async function warmPool(t: TestContext, size: number, bash: boolean): Promise<[LanePool, string]> {
  const folder = await temporaryFolder(t);
  if (bash) symlinkSync('/bin/bash', join(folder, 'sh'));
  const pool = openPool(t, { size, ...(bash ? { shell: join(folder, 'sh') } : {}), graceMs: 100 });
  assert.equal((await run(pool, 'true')).exitCode, 0);
  assert.equal(pool.canWait, true);
  return [pool, folder];
}

/** Proves that so many commands run at once: each waits for all others. */
async function meet(pool: LanePool, folder: string, count: number, round: string): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `${round}-${index}`);
  const all = names.map((name) => `-e ${name}`).join(' -a ');
  const command = (name: string): string => `: >${name}; until [ ${all} ]; do sleep 0.005; done`;
  const results = await Promise.all(names.map((name) => run(pool, command(name), { cwd: folder })));
  for (const { exitCode } of results) assert.equal(exitCode, 0);
}

for (const bash of [false, true]) {
  if (bash && !existsSync('/bin/bash')) continue;
  describe(bash ? 'slots of bash' : 'slots of sh', () => {
    test('let the command that waits begin when another one is done', async (t) => {
      const [pool, folder] = await warmPool(t, 2, bash);
      for (const gate of ['gate-a', 'gate-b']) execFileSync('mkfifo', [join(folder, gate)]);
      const blocked = ['a', 'b'].map((name) =>
        run(pool, `: >${name}; read x <gate-${name}`, { cwd: folder }),
      );
      for (const name of ['a', 'b']) await until(`${name} runs`, () => existsSync(join(folder, name)));
      let begun = false;
      const onBegin = (): void => {
        begun = true;
      };
      const third = run(pool, 'echo third', { cwd: folder, onBegin });
      assert.deepEqual([pool.canWait, begun], [false, false]);
      writeFileSync(join(folder, 'gate-b'), 'go\n');
      const result = await third;
      assert.deepEqual([result.begun, begun, result.exitCode], [true, true, 0]);
      assert.equal(result.output.toString(), 'third\n');
      writeFileSync(join(folder, 'gate-a'), 'go\n');
      for (const { exitCode } of await Promise.all(blocked)) assert.equal(exitCode, 0);
      await meet(pool, folder, 2, 'after');
    });

    test('go to a queue of any length, failures or not', async (t) => {
      const [pool, folder] = await warmPool(t, 3, bash);
      const results = await Promise.all(
        Array.from({ length: 90 }, (_, index) =>
          run(pool, `echo ${index} >>begun; exit ${index % 4}`, { cwd: folder, timeout: 20_000 }),
        ),
      );
      assert.deepEqual(
        results.map(({ exitCode, begun, duration }) => [exitCode, begun, duration > 0]),
        results.map((_, index) => [index % 4, true, true]),
      );
      assert.equal(readFileSync(join(folder, 'begun'), 'utf8').split('\n').length, 91);
      await meet(pool, folder, 3, 'after');
    });

    test('are kept by a failure until its caller has heard of it', async (t) => {
      const [pool, folder] = await warmPool(t, 2, bash);
      execFileSync('mkfifo', [join(folder, 'gate')]);
      const blocked = run(pool, ': >blocked; read x <gate', { cwd: folder });
      await until('the other slot is taken', () => existsSync(join(folder, 'blocked')));
      for (let round = 0; round < 20; round++) {
        const failure = run(pool, 'exit 3', { cwd: folder }).then((result) => {
          pool.withdraw();
          return result;
        });
        const waiting = run(pool, ': >must-not-be', { cwd: folder });
        assert.equal((await failure).exitCode, 3);
        const { outcome, begun, duration } = await waiting;
        assert.deepEqual([outcome, begun, duration], ['cancelled', false, 0]);
        assert.equal((await run(pool, 'true')).exitCode, 0);
      }
      assert.equal(existsSync(join(folder, 'must-not-be')), false);
      writeFileSync(join(folder, 'gate'), 'go\n');
      assert.equal((await blocked).exitCode, 0);
      await meet(pool, folder, 2, 'after');
    });

    test('come back from a command that is stopped by who hears of its start', async (t) => {
      const [pool, folder] = await warmPool(t, 2, bash);
      for (let round = 0; round < 5; round++) {
        const abort = new AbortController();
        const onBegin = (): void => abort.abort();
        const result = await run(pool, ': >must-not-be', { cwd: folder, onBegin }, abort.signal);
        assert.equal(result.outcome, 'cancelled');
        assert.equal((await run(pool, 'true')).exitCode, 0);
      }
      await meet(pool, folder, 2, 'after');
      assert.equal(existsSync(join(folder, 'must-not-be')), false);
    });

    test('are neither lost nor doubled by failures, cancellations and lanes that die', async (t) => {
      const random = randomFrom(chooseSeed(t));
      const size = 2;
      const [pool, folder] = await warmPool(t, size, bash);
      // A lock for each slot, given back by the kernel whatever ends the command: who gets none is one too many.
      const locked = (body: string): string =>
        `for lock in 1 2; do exec 9>lock-$lock; if flock -n 9; then ${body}; exit; fi; done; exit 99`;
      const bodies = ['true', 'exit 1', 'sleep 0.003', 'exit 0', 'kill -TERM 0'];
      const outstanding = new Set<Promise<void>>();
      const check = ({ exitCode, begun, outcome }: LaneResult): void => {
        assert.notEqual(exitCode, 99, 'more ran at once than there are slots');
        if (!begun) assert.equal(outcome, 'cancelled');
      };
      for (let round = 0; round < ROUNDS; round++) {
        while (outstanding.size > size || (outstanding.size === size && !pool.canWait))
          await Promise.race(outstanding);
        const abort = new AbortController();
        const body = bodies[Math.floor(random() * bodies.length)]!;
        const one = run(pool, locked(body), { cwd: folder }, abort.signal).then(check);
        outstanding.add(one);
        one.finally(() => outstanding.delete(one));
        if (random() < 0.1) setImmediate(() => abort.abort());
      }
      await Promise.all(outstanding);
      await meet(pool, folder, size, 'after');
      assert.equal((await run(pool, 'kill -9 $PPID')).outcome, 'exited');
      await meet(pool, folder, size, 'after-a-dead-lane');
    });
  });
}
