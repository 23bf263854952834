// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of the shell
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManifestError } from '../../../src/errors.js';
import { assertRefused, random, readJson, task } from './support.js';

const ROUNDS = 800;

const NASTY = [
  '',
  ' ',
  'a b',
  "it's",
  "'",
  '"',
  '$HOME',
  '$(echo no)',
  '`echo no`',
  '\\',
  "\\'",
  '#',
  ';',
  '*',
  '~',
  '\n',
  '-n',
  'if',
  '2',
  '&',
  '}',
  'é',
  '!',
  '\t',
  '{x}',
];

/** Commands that print their arguments, with the arguments that are expected for the values x and y. */
const SAFE: readonly (readonly [command: string, expected: (x: string, y: string) => string[]])[] = [
  ['p {x} {y}', (x, y) => [x, y]],
  ['p a{x}b{y}{x}', (x, y) => [`a${x}b${y}${x}`]],
  ['p "$A"{x}"q" \'s\'{y}', (x, y) => [`1${x}q`, `s${y}`]],
  ['p ${{A}} "${{A}}" {x}', (x) => ['1', '1', x]],
  ['p "\\"" \\\' {x} # don\'t "\np {y}', (x, y) => ['"', "'", x, y]],
  ['B={x}; p "$B" $(p z) {y}', (x, y) => [x, 'z', y]],
  ['if true; then p "a#b" c#{x}; fi; (p {y})', (x, y) => ['a#b', `c#${x}`, y]],
];

test('values reach a command as they are, whatever they hold', () => {
  for (const [command, expected] of SAFE) {
    for (const [index, x] of NASTY.entries()) {
      const y = NASTY[NASTY.length - 1 - index]!;
      const manifest = readJson({
        templates: { t: { command: `p() { printf '%s\\0' "$@"; }; A=1; ${command}` } },
        tasks: { a: { template: 't', with: command.includes('{y}') ? { x, y } : { x } } },
      });
      const { stdout, stderr } = spawnSync('/bin/sh', ['-c', String(task(manifest, 'a').command)], {
        encoding: 'utf8',
      });
      // Within $( ) the shell drops the NUL that ends an argument.
      const words = stdout.split('\0').slice(0, -1);
      assert.deepEqual(
        { words, stderr: stderr.replace(/.*null byte.*\n/, '') },
        { words: expected(x, y), stderr: '' },
        `${command} with ${JSON.stringify({ x, y })}`,
      );
    }
  }
});

test('a placeholder where its value could not be quoted is refused', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["p '{x}'", /stands within quotes/],
    ['p "a {x}"', /stands within quotes/],
    ['p "\\"{x}"', /stands within quotes/],
    ['p # {x}', /stands within a comment/],
    ['p ${x}', /stands after "\$"/],
    ['p \\{x}', /stands after a backslash/],
    ['p `p {x}`', /changes how the shell reads quotes/],
    ['cat <<E\n{x}\nE', /changes how the shell reads quotes/],
    ['p $((1 + {x}))', /changes how the shell reads quotes/],
    ['p "$(p "{x}")"', /changes how the shell reads quotes/],
    ['p "${A:-"{x}"}"', /changes how the shell reads quotes/],
    ["p $'\\'{x}'", /changes how the shell reads quotes/],
    ["p \\ #'\n{x}", /changes how the shell reads quotes/],
    ['p $\\\n(({x}))', /changes how the shell reads quotes/],
  ];
  for (const [command, message] of cases) {
    assertRefused(() => readJson({ templates: { t: { command } } }), {
      at: '1:30',
      message,
      hint: /or \{\{x\}\} for the text \{x\}/,
    });
    assertRefused(() => readJson({ matrix: [{ command, id: '{x}', for: { x: ['1'] } }] }), {
      at: '1:23',
      message,
      hint: /./,
    });
  }
});

test('the command of a task without a template is never touched', () => {
  for (const [command] of SAFE)
    assert.equal(task(readJson({ tasks: { a: { command } } }), 'a').command, command);
  const command = ['{x}', '{{x}}', '}}'];
  assert.deepEqual(task(readJson({ tasks: { a: { command } } }), 'a').command, command);
});

const PIECES = [
  '{x}',
  ' {x} ',
  ' p ',
  "'",
  '"',
  '\\',
  '\n',
  ' ',
  '#',
  '$',
  '(',
  ')',
  '{',
  '}',
  '<',
  '`',
  ';',
  ' a',
  ':-',
  '[',
  ']',
];

/** Each of them runs `touch mark`, if any of its characters means something to the shell. */
const BREAKOUTS = [
  '$(touch mark)',
  '`touch mark`',
  "';touch mark;'",
  '";touch mark;"',
  '\ntouch mark\n',
  "\\';touch mark;#",
];

test('no value gets out of a command that is accepted, however odd its quotes are', (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
  context.diagnostic(`SEED=${seed}`);
  const next = random(seed);
  const directory = mkdtempSync(join(tmpdir(), 'millrace-shell-'));
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const command = Array.from({ length: 2 + next(7) }, () => PIECES[next(PIECES.length)]!).join('');
    const x = BREAKOUTS[next(BREAKOUTS.length)]!;
    const filled = fill(`:${command}`, x);
    if (filled === undefined || !filled.includes('touch')) continue;
    accepted++;
    spawnSync('/bin/sh', ['-c', filled], { cwd: directory, stdio: 'ignore' });
    assert.ok(!existsSync(join(directory, 'mark')), `SEED=${seed} ${JSON.stringify({ command, x })}`);
  }
  rmSync(directory, { recursive: true });
  assert.ok(accepted > 0 && accepted < ROUNDS, 'some are accepted and some are not');
});

/** The command with a value put in; undefined if it is refused. */
function fill(command: string, x: string): string | undefined {
  try {
    const manifest = readJson({
      templates: { t: { command } },
      tasks: { a: { template: 't', with: { x } } },
    });
    return String(task(manifest, 'a').command);
  } catch (error) {
    assert.ok(error instanceof ManifestError, String(error));
    return undefined;
  }
}
