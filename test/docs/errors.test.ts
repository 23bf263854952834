import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './support.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Class → code. */
const CODES = new Map(
  Array.from(
    read('src/errors.ts').matchAll(/class (\w+) extends MillraceError.*?super\(\s*'(\w+)'/gs),
    (match) => [match[1]!, match[2]!],
  ),
);

/** Rows of the table of costs and errors, as they stand. */
const ROWS = read('docs/EMBEDDING.md')
  .split('\n')
  .filter((line) => line.startsWith('| `'));

/** The codes that the comment above a call says. */
function codesSaid(source: string, call: string): string[] {
  const [, comment = ''] =
    new RegExp(`/\\*\\*((?:(?!\\*/).)*)\\*/\\s*(?:export )?async (?:function )?${call}\\(`, 's').exec(
      source,
    ) ?? [];
  const [, thrown = ''] = comment.split('@throws');
  return Array.from(thrown.matchAll(/[A-Z]\w+/g), ([name]) => CODES.get(name)).filter(
    (code) => code !== undefined,
  );
}

const FILES = [
  'src/state-files.ts',
  ['backupsOf', 'restoreState', 'verifyState', 'exportState', 'importState'],
];
const STATE = ['src/state.ts', ['openState', 'backup']];

for (const [path, calls] of [FILES, STATE] as [string, string[]][]) {
  for (const call of calls) {
    test(`the table has the errors of ${call} that its comment has`, () => {
      const said = codesSaid(read(path), call);
      assert.ok(said.length > 1, `the comment says ${said}`);
      const row = ROWS.find((line) =>
        line.startsWith('| `state.')
          ? line.startsWith(`| \`state.${call}\``)
          : line.split(' | ')[0]!.includes(`\`${call}\``),
      );
      assert.ok(row, 'there is no row');
      const isMissing = (code: string) => !row.includes(`\`${code}\``);
      assert.deepEqual(said.filter(isMissing), []);
    });
  }
}
