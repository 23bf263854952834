import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ago,
  display,
  displayLines,
  duration,
  number,
  plural,
  wholeSeconds,
} from '../../src/cli/render/text.js';
import { summarize } from '../../src/cli/render/wording.js';
import type { RunSummary } from '../../src/engine/events.js';

const NOTHING: RunSummary = {
  run: 1,
  result: 'succeeded',
  total: 0,
  executed: 0,
  fresh: 0,
  failed: 0,
  blocked: 0,
  cached: 0,
  cancelled: 0,
  duration: 120,
};

test('the summary says what there was, and leaves out the rest', () => {
  const of = (summary: Partial<RunSummary>): string => summarize({ ...NOTHING, ...summary });
  assert.equal(of({}), 'nothing to do');
  assert.equal(of({ total: 1, fresh: 1 }), 'the only task is fresh (0.12 s)');
  assert.equal(of({ total: 1000, fresh: 1000 }), 'all 1,000 tasks are fresh (0.12 s)');
  assert.equal(of({ total: 100, executed: 12, fresh: 88 }), '12 ran, 88 fresh in 0.12 s');
  assert.equal(
    of({ result: 'failed', total: 104, executed: 12, fresh: 88, failed: 1, blocked: 3 }),
    '12 ran, 88 fresh, 1 failed, 3 blocked in 0.12 s',
  );
  assert.equal(
    of({ result: 'cancelled', total: 9, executed: 2, cancelled: 7 }),
    'stopped: 2 ran, 7 not finished in 0.12 s',
  );
  assert.equal(
    of({ total: 100, executed: 9, cached: 3, fresh: 88 }),
    '9 ran, 3 restored, 88 fresh in 0.12 s',
  );
  assert.equal(of({ total: 1, cached: 1 }), '1 restored in 0.12 s');
  assert.equal(of({ run: 0, total: 1 }), '1 task would run, 0 fresh');
});

describe('durations', () => {
  test('suit their length', () => {
    const cases = [
      [0, '0 ms'],
      [99.4, '99 ms'],
      [99.6, '0.10 s'],
      [123, '0.12 s'],
      [994, '0.99 s'],
      [996, '1.0 s'],
      [4_240, '4.2 s'],
      [59_940, '59.9 s'],
      [59_960, '1 min 0 s'],
      [200_000, '3 min 20 s'],
      [3_599_600, '1 h 0 min'],
      [7_260_000, '2 h 1 min'],
    ] as const;
    for (const [milliseconds, text] of cases) assert.equal(duration(milliseconds), text);
  });

  test('that change on the screen are whole seconds', () => {
    assert.equal(wholeSeconds(-5), '0 s');
    assert.equal(wholeSeconds(59_999), '59 s');
    assert.equal(wholeSeconds(61_000), '1 min 1 s');
    assert.equal(ago(5_000), '5 s ago');
    assert.equal(ago(3 * 86_400_000), '3 d ago');
  });
});

test('numbers have commas, nouns their plural', () => {
  assert.equal(number(0), '0');
  assert.equal(number(999), '999');
  assert.equal(number(1_234_567), '1,234,567');
  assert.equal(plural(1, 'task'), '1 task');
  assert.equal(plural(2, 'task'), '2 tasks');
});

test('what a terminal would act upon is shown as an escape', () => {
  assert.equal(display('a\tb\n\u007f\u0085\u2028\u2066'), 'a\\tb\\n\\u007f\\u0085\\u2028\\u2066');
  assert.equal(displayLines('a\tb\n\u001b'), 'a\tb\n\\u001b');
  assert.equal(display('größe 文字 👍 "x" \\'), 'größe 文字 👍 "x" \\');
});
