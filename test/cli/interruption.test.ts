import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Interruption, type StopSignal } from '../../src/cli/interruption.js';
import { FakeOutput } from './support.js';

/** Listens, and notes what it is told. */
function listen(): { interruption: Interruption; stdout: FakeOutput; told: (StopSignal | number)[] } {
  const stdout = new FakeOutput();
  const told: (StopSignal | number)[] = [];
  const interruption = new Interruption(stdout, {
    stop: (by) => told.push(by),
    kill: (exitCode) => told.push(exitCode),
  });
  return { interruption, stdout, told };
}

describe('an interruption', () => {
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    test(`by ${signal} stops the run, and kills it the second time`, () => {
      const { interruption, told } = listen();
      using _ = interruption;
      assert.equal(interruption.exitCode, undefined);
      process.emit(signal, signal);
      assert.deepEqual(told, [signal]);
      assert.ok(interruption.signal.aborted);
      process.emit('SIGINT', 'SIGINT');
      assert.deepEqual(told, [signal, exitCode]);
      assert.equal(interruption.exitCode, exitCode, 'what the first one says');
    });
  }

  test('by a closed pipe stops the run once', () => {
    const { interruption, stdout, told } = listen();
    using _ = interruption;
    stdout.emit('error', Object.assign(new Error('closed'), { code: 'EPIPE' }));
    stdout.emit('error', Object.assign(new Error('closed'), { code: 'EPIPE' }));
    assert.deepEqual(told, ['SIGPIPE']);
    assert.equal(interruption.exitCode, 141);
  });

  test('leaves no listener behind', () => {
    const before = process.listenerCount('SIGINT');
    const { interruption, stdout } = listen();
    assert.equal(process.listenerCount('SIGINT'), before + 1);
    interruption[Symbol.dispose]();
    assert.equal(process.listenerCount('SIGINT'), before);
    assert.equal(stdout.listenerCount('error'), 0);
  });
});
