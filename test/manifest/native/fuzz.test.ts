import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManifestError } from '../../../src/errors.js';
import { readNative } from '../../../src/manifest/native/index.js';
import { random } from './support.js';

const ROUNDS = 1500;

const TOML = `default = ["all"]
[pools]
link = 2
[templates.cc]
command = "cc {src} -o {out} '{a,b}'"
outputs = ["{out}"]
[tasks.all]
deps = ["cc:a", "x"]
[tasks.x]
template = "cc"
with = { src = ["x.c", "y.c"], out = "x.o" }
timeout = "5s"
[[matrix]]
id = "cc:{n}"
template = "cc"
for = { n = ["a", "b"] }
with = { src = "{n}.c", out = "{n}.o" }
`;

const JSON_TEXT = JSON.stringify(
  {
    default: ['all'],
    templates: { cc: { command: ['cc', '{src}'], outputs: ['{out}'] } },
    tasks: { all: { deps: ['x'] }, x: { template: 'cc', with: { src: ['x.c'], out: 'x.o' }, retries: 1 } },
    matrix: [{ id: 'm{n}', for: { n: [1, 2] }, command: 'echo {n}', env: { A: 'b' } }],
  },
  null,
  1,
);

const PIECES = [
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '=',
  ':',
  ',',
  '\n',
  '\\',
  '\0',
  '#',
  '{x}',
  '..',
  '\\u0000',
  'é',
  '__proto__',
  '1e999',
  '[[',
  '"""',
  '\uFEFF',
];

function mutate(text: string, next: (below: number) => number): string {
  let result = text;
  for (let left = 1 + next(4); left > 0; left--) {
    const at = next(result.length + 1);
    const removed = next(3) === 0 ? next(12) : next(2);
    result =
      result.slice(0, at) + (next(4) > 0 ? PIECES[next(PIECES.length)] : '') + result.slice(at + removed);
  }
  return result;
}

test('whatever is done to a manifest, it is read or refused with a position in it', (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
  context.diagnostic(`SEED=${seed}`);
  const next = random(seed);
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const json = round % 2 === 0;
    const text = mutate(json ? JSON_TEXT : TOML, next);
    try {
      readNative(json ? '/project/m.json' : '/project/m.toml', () => Buffer.from(text));
    } catch (error) {
      refused++;
      assert.ok(
        error instanceof ManifestError,
        `SEED=${seed} ${JSON.stringify(text)}: ${(error as Error).stack}`,
      );
      const lines = text.split('\n');
      const line = lines[error.line - 1];
      const inside = line !== undefined && error.column >= 1 && error.column <= line.length + 2;
      assert.ok(
        inside || error.line === lines.length + 1,
        `SEED=${seed} ${JSON.stringify(text)}: ${error.message}`,
      );
    }
  }
  assert.ok(refused > 0 && refused < ROUNDS, 'some are refused and some are not');
});
