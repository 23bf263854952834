import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from './support.js';

const RULE = 'rule cc\n  command = cc\n';

/** A manifest and what is said about it; RULE takes lines 1 and 2 where it stands. */
const CASES: readonly (readonly [text: string, message: string])[] = [
  // Characters and lines.
  ['x = 1', 'build.ninja:1:6: the file ends in the middle of a line (the last line needs a newline too)'],
  ['# x', 'build.ninja:1:4: the file ends in the middle of a line (the last line needs a newline too)'],
  ['x = a\rb\n', 'build.ninja:1:6: a carriage return stands within a line'],
  ['x = 1\ny = \0\n', 'build.ninja:2:5: the text holds a NUL character'],
  ['rule cc\n\tcommand = cc\n', 'build.ninja:2:1: tabs are not allowed here, use spaces'],
  [
    'x = a$\n  $%\n',
    'build.ninja:2:3: a "$" must begin a variable or an escape (a literal $ is written as $$)',
  ],
  ['x = ${a\n', 'build.ninja:1:5: a "$" must begin a variable or an escape (a literal $ is written as $$)'],
  // Statements.
  ['  x = 1\n', 'build.ninja:1:1: expected a statement, found an indented line'],
  [`${RULE}\n  x = 1\n`, 'build.ninja:4:1: expected a statement, found an indented line'],
  [': x\n', 'build.ninja:1:1: expected a statement, found ":"'],
  ['!\n', 'build.ninja:1:1: expected a statement, found a character that has no meaning here'],
  ['biuld a: cc\n', 'build.ninja:1:1: expected a statement, found "biuld" (did you mean "build"?)'],
  [
    'ninja_required_version = 1.99\n',
    'build.ninja:1:26: the file needs ninja 1.99, and the language is known up to 1.13',
  ],
  [
    'ninja_required_version = 2\n',
    'build.ninja:1:26: the file needs ninja 2, and the language is known up to 1.13',
  ],
  // Rules.
  ['rule\n', 'build.ninja:1:5: expected the name of a rule'],
  ['rule a b\n', 'build.ninja:1:8: expected the end of the line, found a name'],
  ['rule cc\n', 'build.ninja:1:6: rule "cc" has no command (add a line "command = …")'],
  [`${RULE}${RULE}`, 'build.ninja:3:6: rule "cc" is defined already'],
  ['rule phony\n  command = x\n', 'build.ninja:1:6: rule "phony" is defined already'],
  ['rule cc\n  comand = cc\n', 'build.ninja:2:3: a rule cannot set "comand" (did you mean "command"?)'],
  ['rule cc\n  xyz = cc\n', 'build.ninja:2:3: a rule cannot set "xyz" (a build statement or the file can)'],
  ['rule cc\n  command\n', 'build.ninja:2:10: expected "=", found the end of the line'],
  [
    `${RULE}  rspfile = x\n`,
    'build.ninja:1:6: rule "cc" must set both rspfile and rspfile_content, or neither',
  ],
  [
    'rule r\n  command = $depfile\n  depfile = $description\n  description = $command\nbuild a: r\n',
    'build.ninja:4:17: the variables of rule r form a cycle: description → command → depfile → description',
  ],
  // Build statements.
  [`${RULE}build : cc\n`, 'build.ninja:3:7: expected the path of an output'],
  [
    `${RULE}build a\n`,
    'build.ninja:3:8: expected ":", found the end of the line (a ":" and the rule follow the outputs)',
  ],
  [`${RULE}build a:\n`, 'build.ninja:3:9: expected the name of a rule'],
  [`${RULE}build a: cd x\n`, 'build.ninja:3:10: no rule is named "cd" (did you mean "cc"?)'],
  [`${RULE}build a: link x\n`, 'build.ninja:3:10: no rule is named "link"'],
  [
    `${RULE}build a: cc c:/x\n`,
    'build.ninja:3:14: a second ":" in a build statement (a ":" within a path is written as "$:")',
  ],
  [`${RULE}build a: cc b || c | d\n`, 'build.ninja:3:20: expected the end of the line, found "|"'],
  [`${RULE}build a: cc b |@ c\n`, 'build.ninja:3:15: validations ("|@") are not supported'],
  [`${RULE}build a: cc b $x\n`, 'build.ninja:3:15: the path is empty once its variables are filled in'],
  [`${RULE}build a: cc\nbuild ./b ./a: cc\n`, 'build.ninja:4:11: "a" is made by build.ninja:3:1 already'],
  [`${RULE}build a | x/../a: cc\n`, 'build.ninja:3:11: "a" is made twice by this statement'],
  [`${RULE}build a: cc\n  dyndep = dd\n`, 'build.ninja:4:12: dyndep files are not supported'],
  [`${RULE}  dyndep = $in\nbuild a: cc b\n`, 'build.ninja:3:12: dyndep files are not supported'],
  [`${RULE}  deps = msvc\nbuild a: cc\n`, 'build.ninja:3:10: "deps = msvc" is not supported'],
  [`${RULE}build a: cc\n  deps = clang\n`, 'build.ninja:4:10: "deps" is "gcc" or nothing, not "clang"'],
  [
    `${RULE}build a: cc\n  deps = gcc\n`,
    'build.ninja:4:10: "deps = gcc" needs a depfile (set "depfile" too)',
  ],
  ...['x'.repeat(1025), 'ü'.repeat(513), '€'.repeat(342)].map((path): [string, string] => [
    `${RULE}build ${path}: cc\n`,
    `build.ninja:3:1: the path "${path.slice(0, 60)}…" is longer than 1024 bytes, too long to name a task`,
  ]),
  // Pools.
  ['pool p\n', 'build.ninja:1:6: pool "p" has no depth (add a line "depth = …")'],
  ['pool p\n  deep = 1\n', 'build.ninja:2:3: a pool cannot set "deep" (only "depth")'],
  [
    'pool p\n  depth = -1\n',
    'build.ninja:2:11: the depth of a pool is a whole number, 0 for no limit, not "-1"',
  ],
  ['pool p\n  depth = 1\npool p\n  depth = 1\n', 'build.ninja:3:6: pool "p" is defined already'],
  ['pool console\n  depth = 1\n', 'build.ninja:1:6: pool "console" is defined already'],
  [
    `pool link\n  depth = 1\n${RULE}build a: cc\n  pool = lnik\n`,
    'build.ninja:6:10: no pool is named "lnik" (did you mean "link"?)',
  ],
  [
    `${RULE}  pool = consol\nbuild a: cc\n`,
    'build.ninja:3:10: no pool is named "consol" (did you mean "console"?)',
  ],
  [`${RULE}build a: cc b\nbuild c d: cc a || d\n`, 'build.ninja:4:1: "d" depends on itself'],
  // Targets.
  ['default\n', 'build.ninja:1:8: expected the path of a target'],
  ['default a: b\n', 'build.ninja:1:10: expected the end of the line, found ":"'],
  [
    `${RULE}build all: cc source\ndefault all alll\n`,
    'build.ninja:4:13: no build statement makes "alll" (did you mean "all"?)',
  ],
  [`${RULE}build all: cc source\ndefault source\n`, 'build.ninja:4:9: no build statement makes "source"'],
  // Other files.
  ['include\n', 'build.ninja:1:8: expected the path of a file'],
  ['include $x\n', 'build.ninja:1:9: the path is empty once its variables are filled in'],
  ['x = 1\nsubninja none.ninja\n', 'build.ninja:2:10: cannot read none.ninja: there is no such file'],
  ['include ./build.ninja\n', 'build.ninja:1:9: "./build.ninja" includes itself'],
];

for (const [text, message] of CASES) {
  test(message.slice(0, 100), () => assert.equal(failure(text), message));
}

test('an error in another file names that file, and where its rule stands', () => {
  const included = { 'r.ninja': `${RULE}  deps = $x\n`, 's.ninja': 'x = 1\nbuild a: cc\n' };
  assert.equal(
    failure('include r.ninja\nbuild a: cc\n\nsubninja s.ninja\n', included),
    's.ninja:2:7: "a" is made by build.ninja:2:1 already',
  );
  assert.equal(
    failure('include r.ninja\nbuild a: cc\n  x = msvc\n', included),
    'r.ninja:3:10: "deps = msvc" is not supported',
  );
});

test('files that include each other in a circle, or too deep', () => {
  assert.equal(
    failure('include a\n', { a: '\nsubninja b\n', b: 'include a\n' }),
    'b:1:9: "a" includes itself',
  );
  const chain = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`${index}`, `include ${index + 1}\n`]),
  );
  assert.equal(failure('include 0\n', chain), '98:1:9: files include each other more than 100 levels deep');
});

test('bytes that are not UTF-8', () => {
  for (const bad of [[0xff], [0xc3], [0xef, 0xbf], [0xed, 0xa0, 0x80]]) {
    const bytes = Buffer.concat([Buffer.from('é = 1\nx = ü'), Buffer.from(bad), Buffer.from('!\n')]);
    assert.equal(failure(bytes), 'build.ninja:2:6: the text is not UTF-8');
  }
});

test('values that grow without bound', () => {
  let text = 'v0 = 0123456789\n';
  for (let index = 1; index <= 40; index++) text += `v${index} = $v${index - 1}$v${index - 1}\n`;
  assert.match(failure(text), /^build\.ninja:22:7: a value here grows beyond 16777216 characters/);
});
