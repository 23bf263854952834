import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readJson, readToml, task } from './support.js';

const TOML = `
default = ["build"]
inheritEnv = ["PATH"]
[env]
LANG = "C"
MODE = "dev"
[pools]
link = 2
[tasks.generate]
command = ["node", "gen.js", "{a,b}"]
[tasks.build]
command = "tsc -p {x}"
deps = ["generate"]
inputs = ["src/**/*.{ts,tsx}", "!src/**/*.test.ts", "../shared/x.json", "/etc/hosts"]
outputs = ["dist/**", "a/../log.txt"]
env = { MODE = "production" }
inheritEnv = ["HOME", "PATH"]
cwd = "packages/app"
timeout = "1.5m"
retries = 1
pool = "link"
priority = -10
description = "Compile"
depfile = "x.d"
cache = false
[tasks.all]
deps = ["build"]
`;

const JSON_FORM = {
  $schema: './node_modules/millrace/dist/schema/millrace.schema.json',
  default: ['build'],
  inheritEnv: ['PATH'],
  env: { LANG: 'C', MODE: 'dev' },
  pools: { link: 2 },
  tasks: {
    generate: { command: ['node', 'gen.js', '{a,b}'] },
    build: {
      command: 'tsc -p {x}',
      deps: ['generate'],
      inputs: ['src/**/*.{ts,tsx}', '!src/**/*.test.ts', '../shared/x.json', '/etc/hosts'],
      outputs: ['dist/**', 'a/../log.txt'],
      env: { MODE: 'production' },
      inheritEnv: ['HOME', 'PATH'],
      cwd: 'packages/app',
      timeout: '1.5m',
      retries: 1,
      pool: 'link',
      priority: -10,
      description: 'Compile',
      depfile: 'x.d',
      cache: false,
    },
    all: { deps: ['build'] },
  },
};

test('reads every key', () => {
  const manifest = readToml(TOML);
  assert.equal(manifest.kind, 'native');
  assert.equal(manifest.path, '/project/millrace.toml');
  assert.equal(manifest.root, '/project');
  assert.deepEqual(manifest.files, ['/project/millrace.toml']);
  assert.deepEqual(manifest.pools, { link: 2 });
  assert.deepEqual(manifest.defaults, ['build']);
  assert.deepEqual(
    manifest.tasks.map(({ id }) => id),
    ['generate', 'build', 'all'],
  );
  assert.deepEqual(task(manifest, 'build'), {
    id: 'build',
    command: 'tsc -p {x}',
    dependencies: ['generate'],
    inputs: ['src/**/*.{ts,tsx}', '!src/**/*.test.ts', '../shared/x.json', '/etc/hosts'],
    outputs: ['dist/**', 'a/../log.txt'],
    env: { LANG: 'C', MODE: 'production' },
    inheritEnv: ['PATH', 'HOME'],
    cwd: 'packages/app',
    timeout: 90_000,
    retries: 1,
    pool: 'link',
    priority: -10,
    description: 'Compile',
    depfile: 'x.d',
    cache: false,
  });
  assert.deepEqual(task(manifest, 'generate').command, ['node', 'gen.js', '{a,b}']);
  assert.equal(task(manifest, 'all').command, undefined);
});

test('TOML and JSON give the same', () => {
  const [toml, json] = [readToml(TOML), readJson(JSON_FORM)];
  const { path, files, placeOf } = toml;
  assert.deepEqual({ ...json, path, files, placeOf }, toml);
});

test('an empty manifest has no tasks', () => {
  for (const { tasks, defaults, pools } of [readToml(''), readJson({})]) {
    assert.deepEqual({ tasks, defaults, pools }, { tasks: [], defaults: [], pools: {} });
  }
});

test('a timeout is a number of milliseconds or has a unit', () => {
  const timeoutOf = (timeout: unknown) => task(readJson({ tasks: { a: { timeout } } }), 'a').timeout;
  assert.deepEqual(
    ['7ms', '2s', '0.5m', '1h', 250, 0.5].map(timeoutOf),
    [7, 2000, 30_000, 3_600_000, 250, 0.5],
  );
});

test('a manifest says when the state is backed up', () => {
  const backupsOf = (backups: unknown) => readJson({ backups }).backups;
  assert.deepEqual(
    [{}, { every: '1h', newest: 5, days: 0 }, { every: 250 }, { every: false, newest: 2 }].map(backupsOf),
    [{}, { every: 3_600_000, newest: 5, days: 0 }, { every: 250 }, false],
  );
  assert.equal(readJson({}).backups, undefined);
  assert.deepEqual(readToml('[backups]\nevery = "10m"').backups, { every: 600_000 });
});

test('the built-in pool needs no definition', () => {
  assert.equal(task(readJson({ tasks: { a: { command: 'x', pool: 'console' } } }), 'a').pool, 'console');
});

test('names of JavaScript are names like others', () => {
  const manifest = readJson({
    pools: { toString: 1 },
    env: { valueOf: '1' },
    templates: { constructor: { command: 'echo {hasOwnProperty}' } },
    tasks: {
      constructor: { template: 'constructor', with: { hasOwnProperty: 'x' }, pool: 'toString' },
      toString: { deps: ['constructor'] },
    },
  });
  assert.equal(task(manifest, 'constructor').command, "echo 'x'");
  assert.deepEqual(task(manifest, 'toString').dependencies, ['constructor']);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test('all ways of TOML to write a table lead to the same', () => {
  const forms = [
    '[tasks.a]\ncommand = "x"\nenv.A = "1"',
    'tasks.a.command = "x"\ntasks.a.env.A = "1"',
    'tasks = { a = { command = "x", env = { A = "1" } } }',
    '[tasks]\n[tasks.a]\ncommand = \'x\'\n[tasks.a.env]\n"A" = """1"""',
    '\uFEFFtasks."a" = {\n  command = "x",\n  env.A = "1",\n}',
  ];
  for (const form of forms) {
    assert.deepEqual(readToml(form).tasks, [{ id: 'a', command: 'x', env: { A: '1' } }], form);
  }
});

test('who makes a file that is named as an input is a dependency', () => {
  const manifest = readToml(`
[tasks.use]
command = "cat"
inputs = ["./made/a.txt", "use.txt", "made/*.txt"]
outputs = ["use.txt"]
[tasks.make]
command = "make"
outputs = ["made/a.txt", "made/sub/../b.txt"]
[tasks.both]
command = "cat"
deps = ["make"]
inputs = ["made/b.txt", "made/a.txt"]
`);
  assert.deepEqual(task(manifest, 'use').dependencies, ['make']);
  assert.deepEqual(task(manifest, 'both').dependencies, ['make']);
  assert.deepEqual(task(manifest, 'make').dependencies ?? [], []);
});
