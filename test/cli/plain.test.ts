import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRenderer } from '../../src/cli/render/index.js';
import { fakeContext, Recording, renderPlain } from './support.js';

/** Control characters other than a line end. */
const CONTROL = /[^\P{Cc}\n]/u;

describe('a run in a pipe', () => {
  test('gives each task a line when it is done, its output beneath', async () => {
    const { stdout, stderr } = await renderPlain(
      new Recording()
        .started({ total: 5, fresh: 2 })
        .start('a', { description: 'cc a.o' })
        .start('b')
        .finish('b', { duration: 1234, text: 'one\ntwo\n' })
        .finish('a', { description: 'cc a.o', duration: 70_000 })
        .finish('c', { outcome: 'fresh' })
        .end({ total: 5, executed: 2, fresh: 3 }),
    );
    assert.equal(
      stdout,
      '[1/3] b (1.2 s)\none\ntwo\n[2/3] cc a.o (1 min 10 s)\nmillrace: 2 ran, 3 fresh in 4.2 s\n',
    );
    assert.equal(stderr, '');
  });

  test('tells with -v of tasks that turn out to be fresh', async () => {
    const recording = new Recording().started({ total: 1 }).finish('a', { outcome: 'fresh' });
    assert.equal((await renderPlain(recording, { verbose: true })).stdout, 'a: fresh after all\n');
    assert.equal((await renderPlain(recording)).stdout, '');
  });

  test('tells of restored tasks as of others that are done, with what they printed', async () => {
    const { stdout } = await renderPlain(
      new Recording()
        .started({ total: 3, fresh: 1 })
        .finish('a', { outcome: 'cached', duration: 2, text: 'one\n' })
        .finish('b', { outcome: 'cached', duration: 2 })
        .end({ total: 3, cached: 2, fresh: 1 }),
    );
    assert.equal(stdout, '[1/2] a (cached)\none\n[2/2] b (cached)\nmillrace: 2 restored, 1 fresh in 4.2 s\n');
  });

  test('says what failed, how, and what was executed', async () => {
    const { stdout } = await renderPlain(
      new Recording()
        .started({ total: 5 })
        .fail('lib#test', { text: 'boom' })
        .fail('slow', {
          outcome: 'timed-out',
          duration: 5000,
          timeout: 4500,
          signal: 'SIGTERM',
          message: 'It was stopped after its timeout of 5000 ms.',
        })
        .fail('killed', { signal: 'SIGKILL', exitCode: 137 })
        .fail('forgetful', { exitCode: 0, message: 'It did not make "out".' })
        .fail('shaky', { retrying: true, attempt: 1, attempts: 3 })
        .fail('a.o', { description: 'cc a.c' })
        .fail('same', { description: 'same' })
        .end({ result: 'failed', total: 12, failed: 4, blocked: 1, executed: 7 }),
    );
    assert.equal(
      stdout,
      [
        'FAILED: lib#test (exit 2)',
        'make lib#test',
        'boom',
        'FAILED: slow (timed out after 4.5 s)',
        'make slow',
        'FAILED: killed (SIGKILL)',
        'make killed',
        'FAILED: forgetful',
        'It did not make "out".',
        'make forgetful',
        'FAILED: shaky (exit 2, attempt 1 of 3), trying again',
        'make shaky',
        'FAILED: a.o · cc a.c (exit 2)',
        'make a.o',
        'FAILED: same (exit 2)',
        'make same',
        'millrace: 7 ran, 4 failed, 1 blocked in 4.2 s',
        '',
      ].join('\n'),
    );
  });

  test('passes output on byte for byte', async () => {
    const bytes = Buffer.from([0, 1, 0x1b, 0x5b, 0xff, 0xfe, 0x0d, 0x0a]);
    const { context } = await renderPlain(
      new Recording().started({ total: 1 }).finish('a', { output: bytes }),
    );
    const expected = Buffer.concat([Buffer.from('[1/1] a (1.0 s)\n'), bytes]);
    assert.deepEqual(context.stdout.bytes, expected);
  });

  test('shows control characters in names, commands and messages, and writes none itself', async () => {
    const nasty = 'a\u001b[31m\r\n\u0007\u009b\u202eb';
    const { stdout, stderr } = await renderPlain(
      new Recording()
        .started({ total: 4 })
        .start(nasty, { command: `echo ${nasty}` })
        .finish('x', { description: nasty })
        .fail(nasty, { message: nasty })
        .add({ type: 'task-blocked', task: nasty, by: nasty })
        .add({ type: 'warning', message: nasty })
        .end({ result: 'failed' }),
      { verbose: true },
    );
    assert.doesNotMatch(stdout, CONTROL);
    assert.doesNotMatch(stderr, CONTROL);
    assert.match(stdout, /^\[1\/4\] a\\u001b\[31m\\r\\n\\u0007\\u009b\\u202eb \(1\.0 s\)$/m);
  });

  test('tells when the middle of an output is missing', async () => {
    const { stdout } = await renderPlain(
      new Recording().started({ total: 1 }).finish('a', { text: 'head…tail', truncated: true }),
    );
    assert.match(stdout, /head…tail\n\(the output is too long: its middle was left out\)\n$/);
  });

  test('with -v tells each start, its reason and command, and who blocks whom', async () => {
    const { stdout } = await renderPlain(
      new Recording()
        .started({ total: 2 })
        .start('a', { reason: { kind: 'input-changed', path: 'a.c', count: 3 }, command: 'cc a.c \\\n-o a' })
        .fail('a', { command: 'cc a.c \\\n-o a' })
        .add({ type: 'task-blocked', task: 'b', by: 'a' }),
      { verbose: true },
    );
    assert.match(stdout, /^starting a: input changed: "a\.c" and 2 more\n {2}cc a\.c \\\n-o a\n/);
    // Of several lines, so that it can be copied.
    assert.match(stdout, /^FAILED: a \(exit 2\)\ncc a\.c \\\n-o a\n/m);
    assert.match(stdout, /^blocked: b by a$/m);
  });

  test('lets a line wait for others, but not for long', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const context = fakeContext();
    using renderer = await createRenderer({ color: true }, context);
    for (const event of new Recording().started({ total: 3 }).finish('a').finish('b').events)
      renderer.handle(event);
    t.mock.timers.tick(24);
    assert.equal(context.stdout.take(), '');
    t.mock.timers.tick(1);
    assert.deepEqual(context.stdout.chunks.map(String), ['[1/3] a (1.0 s)\n[2/3] b (1.0 s)\n']);
  });

  test('keeps what others print while a task has the terminal', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const context = fakeContext();
    using renderer = await createRenderer({ color: true }, context);
    const recording = new Recording().started({ total: 3 }).start('c', { console: true });
    recording.finish('other').finish('c').finish('last');
    const written = recording.events.map((event) => {
      renderer.handle(event);
      t.mock.timers.tick(25);
      return context.stdout.take();
    });
    assert.deepEqual(written, ['', '', '', '[1/3] other (1.0 s)\n[2/3] c (1.0 s)\n', '[3/3] last (1.0 s)\n']);
  });

  test('names failures again if they are out of sight', async () => {
    const recording = new Recording().started({ total: 100 });
    for (let n = 0; n < 25; n++) recording.fail(`bad${n}`);
    for (let n = 0; n < 30; n++) recording.finish(`good${n}`);
    const { stdout } = await renderPlain(
      recording.end({ result: 'failed', total: 55, failed: 25, executed: 30 }),
    );
    assert.equal(stdout.match(/^failed: bad\d+ \(exit 2\)$/gm)?.length, 20);
    assert.match(stdout, /\nand 5 more failed\nmillrace: 30 ran, 25 failed in 4\.2 s\n$/);
  });

  test('writes warnings to stderr', async () => {
    const recording = new Recording()
      .add({ type: 'warning', message: 'odd' })
      .add({ type: 'warning', message: 'Its input changed.', task: 'lib\u0007' })
      .add({ type: 'warning', message: '"app" is odd.', task: 'app' });
    const { stdout, stderr } = await renderPlain(recording);
    assert.equal(stdout, '');
    const lines = ['odd', 'lib\\u0007: Its input changed.', '"app" is odd.'];
    assert.equal(stderr, lines.map((line) => `millrace: warning: ${line}\n`).join(''));
  });

  test('lists what would run, and why', async () => {
    const { stdout } = await renderPlain(
      new Recording()
        .started({ run: 0, total: 10, fresh: 8 })
        .add({ type: 'task-planned', task: 'a', reason: { kind: 'never-ran' }, command: 'cc' })
        .add({
          type: 'task-planned',
          task: 'b',
          description: 'link',
          reason: { kind: 'dependency', task: 'a' },
        })
        .end({ run: 0, total: 10, fresh: 8 }),
    );
    assert.equal(stdout, 'a: no success on record\nlink: "a" runs\nmillrace: 2 tasks would run, 8 fresh\n');
  });

  test('counts what ran before the number of tasks was known', async () => {
    const { stdout } = await renderPlain(
      new Recording().start('configure').finish('configure').started({ total: 1 }).finish('a'),
    );
    assert.equal(stdout, '[1/1] configure (1.0 s)\n[1/1] a (1.0 s)\n');
  });
});

describe('colour', () => {
  const failure = (): Recording =>
    new Recording().started({ total: 1 }).fail('a', { text: '\u001b[1mbold\n' });

  test('is off in a pipe, on if FORCE_COLOR says so, off if NO_COLOR or --no-color does', async () => {
    for (const [env, color, expected] of [
      [{}, true, false],
      [{ FORCE_COLOR: '1' }, true, true],
      [{ FORCE_COLOR: '0' }, true, false],
      [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
      [{ FORCE_COLOR: '1' }, false, false],
      [{ NO_COLOR: '' }, true, false],
    ] as const) {
      const { stdout } = await renderPlain(failure(), { color }, fakeContext(env));
      assert.equal(stdout.includes('\u001b[31m'), expected, JSON.stringify({ env, color }));
    }
  });

  test('that a task leaves on is reset only where colours are', async () => {
    const plain = await renderPlain(failure());
    assert.ok(plain.stdout.endsWith('\u001b[1mbold\n'));
    const coloured = await renderPlain(failure(), {}, fakeContext({ FORCE_COLOR: '1' }));
    assert.ok(coloured.stdout.endsWith('\u001b[1mbold\n\u001b[0m'));
  });
});
