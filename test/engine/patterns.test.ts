import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pathMatcher } from '../../src/artifacts/index.js';
import { PatternIndex } from '../../src/engine/run/patterns.js';
import { cleanPattern } from '../../src/paths.js';
import type { Row } from '../../src/task.js';

const PATTERNS = [
  ...[
    'a',
    'a/b',
    './a/b/',
    'a/*',
    'a/**',
    'a/**/c',
    '**/c',
    '*',
    '{a,b}/c',
    'a/{b/c,d}',
    '{a/b,c}/d',
    '[ab]/b',
  ],
  ...['a/(b)/c', 'a/@(b|c)/d', 'a/\\[b\\]', 'a/[b]', '../x/*', '/abs/*/c', '/abs', 'node_modules/a', 'é/*'],
];
const PATHS = [
  ...[
    'a',
    'b',
    'c',
    'a/b',
    'a/c',
    'b/c',
    'a/b/c',
    'a/b/d',
    'a/c/d',
    'c/d',
    'a/(b)/c',
    'a/[b]',
    'a/[b]/c',
    'ab',
  ],
  ...['../x/a', '/abs/b/c', '/abs/b', '/abs', 'é/a', 'node_modules/a', 'a/node_modules/c', 'a/node_modules'],
];

describe('a pattern index', () => {
  test('finds the patterns that match, and no others', () => {
    const index = new PatternIndex();
    for (const [row, pattern] of PATTERNS.entries()) index.add(row as Row, cleanPattern(pattern, '/root'));
    for (const path of PATHS) {
      const expected = PATTERNS.flatMap((pattern, row) => (pathMatcher([pattern])(path) ? [row] : []));
      const found = [...index.matching(path, true)].sort((one, other) => one - other);
      assert.deepEqual(found, expected, path);
    }
  });

  test('leaves out what only a pattern that names the folder finds', () => {
    const index = new PatternIndex();
    index.add(0 as Row, '**');
    index.add(1 as Row, '**/node_modules/**');
    index.add(2 as Row, '**');
    assert.deepEqual([...index.matching('a/node_modules/c')], [1]);
    assert.deepEqual([...index.matching('a/c')], [0, 2]);
  });
});
