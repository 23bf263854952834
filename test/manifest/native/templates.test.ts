import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, readJson, readToml, task } from './support.js';

const COMPILE = `
[templates.compile]
command = "cc -c {src} -o {out}"
inputs = ["{src}", "*.{h,hh}"]
outputs = ["{out}"]
env = { OUT = "{out}", RAW = "{{out}}" }
timeout = "1s"
description = "CC {out}"
`;

test('a task fills in its template', () => {
  const manifest = readToml(`${COMPILE}
[tasks.a]
template = "compile"
with = { src = "a b.c", out = "a.o" }`);
  assert.deepEqual(task(manifest, 'a'), {
    id: 'a',
    command: "cc -c 'a b.c' -o 'a.o'",
    inputs: ['a b.c', '*.{h,hh}'],
    outputs: ['a.o'],
    env: { OUT: 'a.o', RAW: '{out}' },
    timeout: 1000,
    description: 'CC a.o',
  });
});

test('a task extends the lists and tables of its template and replaces the rest', () => {
  const manifest = readToml(`${COMPILE}
[tasks.gen]
[tasks.a]
template = "compile"
with = { src = "a.c", out = "a.o" }
deps = ["gen"]
inputs = ["!x.h", "{src}"]
env = { OUT = "mine", MORE = "1" }
timeout = 5`);
  const { dependencies, inputs, env, timeout, command } = task(manifest, 'a');
  assert.deepEqual(dependencies, ['gen']);
  assert.deepEqual(
    inputs,
    ['a.c', '*.{h,hh}', '!x.h', '{src}'],
    'the own text of a task has no placeholders',
  );
  assert.deepEqual(env, { OUT: 'mine', RAW: '{out}', MORE: '1' });
  assert.equal(timeout, 5);
  assert.equal(command, "cc -c 'a.c' -o 'a.o'");
});

test('a list stands for several words, arguments or entries', () => {
  const given = { template: 't', with: { files: ['a b', "c'd"], none: [], n: 3 } };
  const inputs = ['{files}', 'x{n}', '{none}'];
  const shell = readJson({
    templates: { t: { command: 'ld {files} {none} -n{n}', inputs } },
    tasks: { a: given },
  });
  assert.equal(task(shell, 'a').command, "ld 'a b' 'c'\\''d'  -n'3'");
  assert.deepEqual(task(shell, 'a').inputs, ['a b', "c'd", 'x3']);
  const direct = readJson({
    templates: { t: { command: ['ld', '{files}', '{none}', '-n={n}'], inputs } },
    tasks: { a: given },
  });
  assert.deepEqual(task(direct, 'a').command, ['ld', 'a b', "c'd", '-n=3']);
});

test('values are not looked at for placeholders', () => {
  const manifest = readJson({
    templates: { t: { command: ['{a}', '{b}'] } },
    tasks: { x: { template: 't', with: { a: '{b}', b: ['{a}', '$&', '{{a}}'] } } },
  });
  assert.deepEqual(task(manifest, 'x').command, ['{b}', '{a}', '$&', '{{a}}']);
});

test('only braces around a name are placeholders', () => {
  const text = 'a{ts,tsx} {} {1} { a } {a b} {{x}} {{{x}}} }} {{';
  const manifest = readJson({
    templates: { t: { description: text, command: 'c', inputs: ['{{x},{y}}'] } },
    tasks: { a: { template: 't', with: { x: 'X', y: 'Y' } } },
  });
  assert.equal(task(manifest, 'a').description, 'a{ts,tsx} {} {1} { a } {a b} {x} {{x}} }} {{');
  assert.deepEqual(task(manifest, 'a').inputs, ['{X,Y}']);
});

test('placeholders and values that do not fit each other', () => {
  const user = (given: string) => `${COMPILE}[tasks.a]\ntemplate = "compile"\nwith = ${given}`;
  assertRefused(() => readToml(user('{ src = "a.c" }')), {
    at: '3:11',
    message: /no value for the placeholder \{out\}: task "a" gives "src"/,
    hint: /write \{\{out\}\} for the text \{out\}/,
  });
  assertRefused(() => readToml(user('{ sr = "a.c", out = "a.o" }')), {
    at: '11:10',
    message: /the template "compile" has no placeholder \{sr\}/,
    hint: /did you mean "src"\?/,
  });
  assertRefused(() => readToml(user('{ src = "a.c", out = ["a.o"] }')), {
    at: '6:15',
    message: /\{out\} must stand alone, as a word or an entry of its own: its value in task "a" is a list/,
  });
  assertRefused(
    () => readJson('{"templates": {"t": {"command": ["{ouut}"]}}, "tasks": {"a": {"template": "t"}}}'),
    {
      at: '1:34',
      message: /no value for the placeholder \{ouut\}: task "a" gives none/,
      hint: /write/,
    },
  );
});

test('what is wrong with a filled template is told at the task that uses it', () => {
  assertRefused(
    () => readToml(`${COMPILE}[tasks.a]\ntemplate = "compile"\nwith = { src = "", out = "../a" }`),
    {
      at: '10:12',
      message: /the input "" of task "a" is empty/,
    },
  );
  assertRefused(
    () =>
      readToml(
        `${COMPILE}[tasks.a]\ntemplate = "compile"\nwith = { src = "x", out = "a" }\noutputs = ["/b"]`,
      ),
    { at: '12:12', message: /the output "\/b" of task "a" is absolute/ },
  );
});

test('a matrix makes a task for each combination', () => {
  const manifest = readToml(`${COMPILE}
[tasks.gen]
[[matrix]]
id = "cc:{name}-{n}"
template = "compile"
for = { name = ["a", "b"], n = [1, 2] }
with = { src = "{name}.c", out = "{name}{n}.o" }
deps = ["gen"]
inputs = ["{name}.h"]
group = "objects"`);
  assert.deepEqual(
    manifest.tasks.map(({ id }) => id),
    ['gen', 'cc:a-1', 'cc:a-2', 'cc:b-1', 'cc:b-2', 'objects'],
  );
  const { command, inputs, outputs, dependencies } = task(manifest, 'cc:b-1');
  assert.equal(command, "cc -c 'b.c' -o 'b1.o'");
  assert.deepEqual(
    { inputs, outputs, dependencies },
    {
      inputs: ['b.c', '*.{h,hh}', 'b.h'],
      outputs: ['b1.o'],
      dependencies: ['gen'],
    },
  );
  assert.deepEqual(task(manifest, 'objects'), {
    id: 'objects',
    dependencies: ['cc:a-1', 'cc:a-2', 'cc:b-1', 'cc:b-2'],
  });
});

test('a matrix needs no template, and gives its values to one without "with"', () => {
  const own = readJson({
    matrix: [{ id: 'test:{node}', for: { node: [20, 22] }, command: 'n {node} {{node}}' }],
  });
  assert.equal(task(own, 'test:22').command, "n '22' {node}");
  const given = readJson({
    templates: { t: { command: ['n', '{node}', '{mode}'] } },
    matrix: [{ id: 'test:{node}', template: 't', for: { node: [20] }, with: { mode: ['a{node}', 'b'] } }],
  });
  assert.deepEqual(task(given, 'test:20').command, ['n', '20', 'a20', 'b']);
});

test('errors in a matrix', () => {
  const entry = (lines: string) => readToml(`[[matrix]]\nfor = { a = ["x", "y"] }\n${lines}`);
  assertRefused(() => entry('id = "t"\ncommand = "c"'), {
    at: '3:6',
    message: /another task with the id "t"/,
    hint: /"id" needs a placeholder for each list with several values: "\{a\}" is missing/,
  });
  const pair = (id: string, a: string[]) =>
    readJson({ matrix: [{ id, for: { a, b: [1, 2] }, command: 'c' }] });
  assertRefused(() => pair('t{a}', ['x']), {
    at: '1:18',
    message: /the id "tx"/,
    hint: /"\{b\}" is missing/,
  });
  assertRefused(() => pair('t{a}{b}', ['x', 'x']), { at: '1:18', message: /the id "tx1"/ });
  assertRefused(() => entry('id = "t{aa}"'), {
    at: '3:6',
    message: /no value for the placeholder \{aa\}: "for" gives "a"/,
    hint: /did you mean "a"\?/,
  });
  assertRefused(() => entry('id = "t{a}"\ncommand = "x"\ndeps = ["t{a}"]'), {
    at: '5:9',
    message: /depends on itself/,
  });
  assertRefused(() => entry('id = "t{a}"\ntemplate = "none"'), {
    at: '4:12',
    message: /no template is named "none"/,
  });
  assertRefused(() => entry('id = "t{a}"\ncommand = "x"\noutputs = ["o"]'), {
    at: '5:12',
    message: /the output "o" of task "ty" is an output of task "tx", too/,
  });
  assertRefused(() => entry('id = "t{a}"\ngroup = "tx"'), {
    at: '4:9',
    message: /another task with the id "tx"/,
  });
});

test('a matrix that would be too large is refused before it is made', () => {
  const list = Array.from({ length: 1000 }, (_, index) => index);
  const one = { id: '{a}{b}{c}', for: { a: list, b: list, c: list, d: list } };
  assertRefused(() => readJson({ matrix: [one] }), {
    at: '1:36',
    message: /1000000000000 combinations; a manifest with a matrix is limited to 1048576 tasks/,
  });
  const long = 'x'.repeat(100_000);
  assertRefused(
    () => readJson({ matrix: [{ id: '{a}{b}', for: { a: list, b: list }, description: long }] }),
    {
      at: '1:12',
      message: /with its placeholders filled in, the manifest is longer than/,
    },
  );
  const many = '{v}'.repeat(100_000);
  assertRefused(
    () =>
      readJson({
        templates: { t: { description: many } },
        tasks: { a: { template: 't', with: { v: long } } },
      }),
    { at: `1:${300_000 + 52}`, message: /with its placeholders filled in/ },
  );
});
