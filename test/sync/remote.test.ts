import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { provide, type Remote, remote } from 'millrace/remote';
import type { WorkerApi } from './remote-worker.js';

const SCRIPT = new URL('./remote-worker.js', import.meta.url);

interface Side {
  readonly worker: Worker;
  readonly far: Remote<WorkerApi> & Disposable;
}

function start(ownerPort?: MessagePort): Side {
  const { port1, port2 } = new MessageChannel();
  const transferList = [port2, ...(ownerPort === undefined ? [] : [ownerPort])];
  const worker = new Worker(SCRIPT, { workerData: { port: port2, ownerPort }, transferList, stderr: true });
  worker.on('error', () => {});
  return { worker, far: remote<WorkerApi>(port1) };
}

test('functions of another thread are called with types, and their errors keep name, message and code', async (t) => {
  const { far, worker } = start();
  assert.equal(await far.add(1, 2), 3);
  assert.deepEqual(await Promise.all([far.later({ deep: [1] }), far.later(undefined)]), [
    { deep: [1] },
    undefined,
  ]);
  await assert.rejects(far.lost(), { name: 'UnknownTask', code: 'UNKNOWN_TASK', message: /"x"/ });
  await assert.rejects(far.text(), { name: 'Error', message: 'only a text' });
  await assert.rejects(far.uncloneable(), {
    code: 'INVALID_ARGUMENT',
    message: 'The result of "uncloneable" cannot be sent to another thread.',
  });
  const { port1: unlisted } = new MessageChannel();
  t.after(() => unlisted.close());
  for (const unsendable of [() => 1, unlisted, { deep: [unlisted] }])
    await assert.rejects(far.later(unsendable), {
      code: 'INVALID_ARGUMENT',
      message: /^An argument of "later" cannot be sent: /,
    });
  const other = far as unknown as { absent(): Promise<void>; constructor(): Promise<void> };
  for (const name of ['absent', 'constructor'] as const) {
    const message = `The other thread provides no function "${name}".`;
    await assert.rejects(other[name](), { code: 'INVALID_ARGUMENT', message });
  }
  // To print it is no call: there would be nobody to hear of its failure.
  assert.deepEqual([String(far), JSON.stringify(far)], ['[object Object]', '{}']);
  await worker.terminate();
});

for (const how of ['exit', 'crash', 'terminate', 'dispose'] as const) {
  test(`every call settles when the other thread is gone: ${how}`, async () => {
    const { far, worker } = start();
    await far.add(1, 1);
    const gone = { name: 'RemoteGone', code: 'REMOTE_GONE' };
    const waiting = [far.never(), far.never()];
    const settled = Promise.all(waiting.map((call) => assert.rejects(call, gone)));
    if (how === 'exit' || how === 'crash') await assert.rejects(far[how](), gone);
    else if (how === 'terminate') await worker.terminate();
    else far[Symbol.dispose]();
    if (how === 'dispose') await assert.rejects(far.add(1, 1), gone);
    await settled;
    await assert.rejects(far.add(1, 1), gone);
    await worker.terminate();
  });
}

test('a call settles if the other thread was gone before the port was used', async () => {
  const gone = { code: 'REMOTE_GONE' };
  const own = new MessageChannel().port1;
  own.close();
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  await assert.rejects(remote<WorkerApi>(own).add(1, 1), gone);
  for (let turns = 0; turns < 5; turns++) {
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker('process.exit(1)', { eval: true, workerData: port2, transferList: [port2] });
    await once(worker, 'exit');
    // Whether it is closed by now, or is about to be.
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    await assert.rejects(remote<WorkerApi>(port1).add(1, 1), gone);
  }
});

test('a worker calls what the owner provides, and nothing else of it', async () => {
  const { port1, port2 } = new MessageChannel();
  const notes: string[] = [];
  provide(port1, { note: (text: string) => notes.push(text) });
  const { far, worker } = start(port2);
  assert.equal(await far.callBack('one'), 1);
  assert.deepEqual(notes, ['one']);
  await worker.terminate();
  port1.close();
});

/** What comlink would do for a peer that sends what it likes. */
test('no path leads from what is provided to other code', async () => {
  const { port1, port2 } = new MessageChannel();
  const provided = { note: (text: string) => text.length };
  provide(port1, provided);
  const raw = (value: unknown) => ({ type: 'RAW', value });
  const ask = async (message: object): Promise<{ readonly name?: string; readonly value: unknown }> => {
    port2.postMessage({ id: 'q', ...message });
    return ((await once(port2, 'message')) as [{ name?: string; value: unknown }])[0];
  };
  const [apply, get] = [
    (...path: string[]) => ask({ type: 'APPLY', path, argumentList: [raw('globalThis.reached = true')] }),
    (...path: string[]) => ask({ type: 'GET', path }),
  ];
  const paths = [
    ['constructor'],
    ['constructor', 'constructor'],
    ['note', 'constructor'],
    ['note', 'name', 'constructor', 'constructor'],
    ['note', 'length', 'constructor', 'constructor'],
    ['note', 'apply', 'constructor'],
    ['note', 'apply', 'name', 'constructor', 'constructor'],
    ['note', 'call'],
    ['note', '__proto__', 'constructor'],
    ['__proto__', 'constructor'],
    ['toString', 'constructor'],
  ];
  for (const path of paths) {
    for (const answer of [await apply(...path), await get(...path)]) {
      const isNothing = answer.value === undefined || answer.name === 'throw';
      assert.ok(isNothing, `${path.join('.')}: ${JSON.stringify(answer)}`);
    }
  }
  for (const path of [['note'], ['other'], ['note', 'apply'], []]) {
    assert.equal((await ask({ type: 'SET', path, value: raw(1) })).name, 'throw', path.join('.'));
  }
  assert.equal((await ask({ type: 'CONSTRUCT', path: ['note'], argumentList: [raw('x')] })).name, 'throw');
  assert.equal('reached' in globalThis, false);
  // No answer, and no error that nobody catches: the next answer is that to the next question.
  const handler = (name: string) => ({ type: 'HANDLER', name, value: { isError: false, value: 'x' } });
  for (const malformed of [
    { type: 'APPLY', path: ['note'], argumentList: [handler('none')] },
    { type: 'APPLY', path: ['note'], argumentList: [handler('throw')] },
    { type: 'APPLY', path: ['note'], argumentList: 5 },
    { type: 'GET', path: 5 },
    { type: 'ENDPOINT' },
  ])
    port2.postMessage({ id: 'q', ...malformed });
  port2.postMessage('text');
  const { value } = await apply('note');
  assert.deepEqual(value, { value: 'globalThis.reached = true'.length });
  port1.close();
});

test('what is no function cannot be provided', () => {
  const { port1 } = new MessageChannel();
  assert.throws(() => provide(port1, { ok: () => 1, secret: 'text' as never }), {
    code: 'INVALID_ARGUMENT',
    message: 'Only functions can be provided to other threads; "secret" is none.',
  });
  for (const bad of [5, {}, new Map([['f', () => 1]]), { valueOf: () => 1 }, { toString: () => '' }])
    assert.throws(() => provide(port1, bad as never), { code: 'INVALID_ARGUMENT' });
  provide(port1, { ok: () => 1 });
  assert.throws(() => provide(port1, { more: () => 1 }), { code: 'INVALID_ARGUMENT', message: /already/ });
  port1.close();
  for (const bad of [undefined, {}, 5]) {
    const refusal = { code: 'INVALID_ARGUMENT', message: /takes a MessagePort/ };
    assert.throws(() => provide(bad as never, {}), refusal);
    assert.throws(() => remote(bad as never), refusal);
  }
});
