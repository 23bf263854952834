import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import picocolors from 'picocolors';
import { LiveLine } from '../../src/cli/render/live-line.js';
import { Printer } from '../../src/cli/render/printer.js';
import { Progress } from '../../src/cli/render/progress.js';
import { statusLine } from '../../src/cli/render/status-line.js';
import { TerminalRenderer } from '../../src/cli/render/terminal.js';
import type { BuildEvent } from '../../src/engine/events.js';
import { type FakeContext, fakeContext, Recording, START } from './support.js';

/** A renderer on a fake terminal whose frames are drawn when the test says so. */
class Stage {
  readonly context: FakeContext = fakeContext();
  readonly renderer: TerminalRenderer;
  opened = 0;
  frame: (() => void) | undefined;

  constructor(verbose = false) {
    const { stdout, stderr } = this.context;
    stdout.isTTY = true;
    this.renderer = new TerminalRenderer({
      printer: new Printer(stdout, stderr),
      progress: new Progress(),
      colors: picocolors.createColors(false),
      verbose,
      everyTask: verbose,
      screenful: 24,
      now: () => this.context.now(),
      openLine: () => {
        this.opened++;
        return Promise.resolve(new LiveLine(stdout));
      },
      every: (_milliseconds, callback) => {
        this.frame = callback;
        return () => {
          this.frame = undefined;
        };
      },
    });
  }

  async play(recording: Recording): Promise<void> {
    for (const event of recording.events) this.renderer.handle(event);
    await Promise.resolve();
  }

  /** What the next frame writes. */
  draw(elapsed: number): string {
    this.context.elapsed = elapsed;
    this.frame?.();
    return this.context.stdout.take();
  }
}

/** What stays on the screen: as much of a terminal as the live line needs. */
function screen(written: string): string[] {
  const lines = [''];
  let row = 0;
  for (const token of written.replaceAll('\u001b', '␛').match(/␛\[[?\d;]*[A-Za-z]|\n|[^␛\n]+/g) ?? []) {
    if (token === '\n') row++;
    else if (token === '␛[2K') lines[row] = '';
    else if (/^␛\[\d*A$/.test(token)) row -= Number(token.slice(2, -1) || 1);
    else if (!token.startsWith('␛')) lines[row] = (lines[row] ?? '') + token;
    lines[row] ??= '';
  }
  return lines;
}

describe('the live line', () => {
  test('shows how far the run is, and what runs', async () => {
    const stage = new Stage();
    await stage.play(
      new Recording().started({ total: 12, fresh: 2 }).start('a').start('b', {}, 1500).finish('x'),
    );
    const written = stage.draw(3000);
    assert.deepEqual(screen(written), ['[1/10] 3 s · a 3 s · b 1 s', '']);
    assert.deepEqual(screen(written + stage.draw(4000)), ['[1/10] 4 s · a 4 s · b 2 s', '']);
    assert.equal(stage.draw(4100), '', 'nothing changed, nothing is written');
  });

  test('shows how far the run is while outputs are only restored, and what they printed', async () => {
    const stage = new Stage();
    await stage.play(
      new Recording()
        .started({ total: 9 })
        .finish('a', { outcome: 'cached' })
        .finish('b', { outcome: 'cached', text: 'from b\n' }),
    );
    assert.equal(stage.opened, 0, 'nothing is loaded for what takes less than a frame');
    const first = stage.draw(100);
    assert.deepEqual(screen(first), ['[2/9] b (cached)', 'from b', '']);
    await Promise.resolve();
    const written = first + stage.draw(1000);
    assert.deepEqual(screen(written), ['[2/9] b (cached)', 'from b', '[2/9] 1 s', '']);
    assert.equal(stage.opened, 1);
  });

  test('is never wider than the terminal, whatever characters the names have', async () => {
    const stage = new Stage();
    stage.context.stdout.columns = 30;
    await stage.play(
      new Recording()
        .started({ total: 1 })
        .start('文字'.repeat(20), { description: `${'文字'.repeat(20)}\u001b[2J` }),
    );
    const [line] = screen(stage.draw(0));
    assert.equal(line, '[0/1] 0 s · 文字文字文字文字…', '29 columns: a wide character takes two columns');
  });

  test('gives way to output, which stays above it, once per frame', async () => {
    const stage = new Stage();
    const recording = new Recording().started({ total: 3 }).start('a');
    await stage.play(recording);
    const first = stage.draw(0);
    stage.renderer.handle(new Recording().finish('b', { text: 'from b\n' }).events[0] as BuildEvent);
    assert.equal(stage.context.stdout.take(), '', 'kept until the next frame');
    assert.deepEqual(screen(first + stage.draw(1000)), [
      '[1/3] b (1.0 s)',
      'from b',
      '[1/3] 1 s · a 1 s',
      '',
    ]);
  });

  test('leaves no line for a task that succeeded silently, unless -v', async () => {
    const recording = new Recording()
      .started({ total: 1 })
      .start('a')
      .finish('a')
      .end({ total: 1, executed: 1 });
    for (const [verbose, expected] of [
      [false, 'millrace: 1 ran in 4.2 s\n'],
      [true, 'starting a: no success on record\n[1/1] a (1.0 s)\nmillrace: 1 ran in 4.2 s\n'],
    ] as const) {
      const stage = new Stage(verbose);
      await stage.play(recording);
      assert.equal(stage.context.stdout.text, expected);
    }
  });

  test('is gone while a task has the terminal, and back afterwards', async () => {
    const stage = new Stage();
    await stage.play(new Recording().started({ total: 3 }).start('a'));
    const before = stage.draw(0);
    stage.renderer.handle(new Recording().start('shell', { console: true }).events[0] as BuildEvent);
    assert.deepEqual(screen(before + stage.context.stdout.take()), ['', '']);
    stage.renderer.handle(new Recording().finish('b', { text: 'from b\n' }).events[0] as BuildEvent);
    assert.equal(stage.draw(1000), '', 'nothing is written meanwhile');
    stage.renderer.handle(new Recording().finish('shell').events[0] as BuildEvent);
    assert.deepEqual(screen(stage.draw(2000)), ['[1/3] b (1.0 s)', 'from b', '[2/3] 2 s · a 2 s', '']);
  });

  test('is taken away at the end, and the cursor was never hidden', async () => {
    const stage = new Stage();
    await stage.play(new Recording().started({ total: 2 }).start('a'));
    const drawn = stage.draw(0);
    await stage.play(new Recording().end({ total: 2, executed: 2 }));
    const written = drawn + stage.context.stdout.take();
    assert.deepEqual(screen(written), ['millrace: 2 ran in 4.2 s', '']);
    assert.equal(stage.frame, undefined, 'no timer is left');
    assert.ok(!written.includes('\u001b[?25l'));
    assert.equal(stage.context.stderr.text, '');
  });

  test('is taken away if the run ends by an error', async () => {
    const stage = new Stage();
    await stage.play(new Recording().started({ total: 2 }).start('a'));
    const drawn = stage.draw(0);
    stage.renderer[Symbol.dispose]();
    stage.renderer[Symbol.dispose]();
    assert.deepEqual(screen(drawn + stage.context.stdout.take()), ['', '']);
  });

  test('does not appear if all is fresh: nothing is loaded for it', async () => {
    const stage = new Stage();
    await stage.play(
      new Recording().started({ total: 100, fresh: 100 }).end({ total: 100, fresh: 100 }, 120),
    );
    assert.equal(stage.opened, 0);
    assert.equal(stage.context.stdout.text, 'millrace: all 100 tasks are fresh (0.12 s)\n');
  });

  test('writes warnings and notices above itself, to stderr', async () => {
    const stage = new Stage();
    await stage.play(new Recording().started({ total: 2 }).start('a'));
    stage.draw(0);
    stage.renderer.notice('stopping…');
    assert.equal(stage.context.stderr.text, 'millrace: stopping…\n');
    assert.equal(stripVTControlCharacters(stage.context.stdout.take()), '[0/2] 0 s · a 0 s\n');
  });
});

describe('the estimate', () => {
  const progressOf = (recording: Recording): Progress => {
    const progress = new Progress();
    for (const event of recording.events) progress.apply(event);
    return progress;
  };

  test('is what is left of the expected work, shared by the jobs', () => {
    const recording = new Recording().started({ total: 4, jobs: 2, expectedWork: 40_000 });
    recording.start('a', { expected: 10_000 }).start('b', { expected: 10_000 });
    assert.equal(progressOf(recording).remaining(START), 20_000);
    assert.equal(progressOf(recording).remaining(START + 4_000), 16_000);
    recording.finish('a', {}, 4_000);
    assert.equal(progressOf(recording).remaining(START + 4_000), 13_000);
    assert.equal(statusLine(progressOf(recording), START + 4_000), '[1/4] 4 s · about 13 s left · b 4 s');
  });

  test('is not below the longest task that runs', () => {
    const recording = new Recording().started({ total: 1, jobs: 8, expectedWork: 10_000 });
    assert.equal(progressOf(recording.start('a', { expected: 10_000 })).remaining(START), 10_000);
  });

  test('counts a task again that is tried again', () => {
    const recording = new Recording().started({ total: 1, jobs: 1, expectedWork: 10_000 });
    recording.start('a', { expected: 10_000 }).fail('a', { retrying: true });
    assert.equal(progressOf(recording).remaining(START), 10_000);
    assert.equal(progressOf(recording).finished, 0);
  });

  test('is left out if nothing is known, or more time has passed than was expected', () => {
    const unknown = new Recording().started({ total: 1 }).start('a');
    assert.equal(progressOf(unknown).remaining(START), undefined);
    const late = new Recording().started({ total: 1, expectedWork: 1000 }).start('a', { expected: 1000 });
    assert.equal(progressOf(late).remaining(START + 5000), undefined);
  });

  test('cancelled tasks do not count as done', () => {
    const recording = new Recording().started({ total: 2 }).finish('a', { outcome: 'cancelled' });
    assert.equal(progressOf(recording).finished, 0);
  });

  test('blocked tasks count as done', () => {
    const recording = new Recording().started({ total: 2 }).fail('a');
    assert.equal(progressOf(recording.add({ type: 'task-blocked', task: 'b', by: 'a' })).finished, 2);
  });
});
