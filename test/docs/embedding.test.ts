import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as millrace from 'millrace';
import { DependencyGraph } from '../../src/graph/dependency-graph.js';
import { BuildState } from '../../src/state.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { programsOf, ROOT, temporaryFolder, writeProgram } from './support.js';

/** For messages. */
const HELPERS = new Set(['describeReason', 'isSystemError', 'quote', 'systemWords']);
const TEXT = readFileSync(join(ROOT, 'docs/EMBEDDING.md'), 'utf8');

/** A build whose task asks for the state of that very build. */
const BUSY = `import { BuildEngine, openState } from 'millrace';
const state = await openState('.millrace');
state.tasks.define({ id: 'slow', command: ['node', 'watch.mjs'], dependencies: ['sum'] });
// What another process reads is what was committed.
await state.commit();
const engine = new BuildEngine(state, { root: process.cwd() });
await engine.run({ onEvent: (event) => event.type === 'task-finished' && console.log(String(event.output)) });
await state.close();`;

describe('docs/EMBEDDING.md', () => {
  test('its examples run', (t) => {
    const folder = temporaryFolder(t);
    const programs = programsOf('docs/EMBEDDING.md');
    assert.deepEqual(
      [...programs.keys()],
      [
        ...['engine.mjs', 'worker.mjs', 'build.mjs', 'functions.mjs', 'watch.mjs'],
        ...['artifact.mjs', 'sync.mjs', 'control.mjs', 'answers.mjs'],
      ],
    );
    // None of them is left out: a program has a name.
    assert.equal(TEXT.match(/^```\w+$/gm)!.length, programs.size);
    for (const [name, code] of programs) writeProgram(folder, name, code);
    const run = (name: string) =>
      execFileSync(process.execPath, [name], { cwd: folder, encoding: 'utf8', timeout: 30_000 });
    const counts = '{ total: 3, pending: 0, inProgress: 0, completed: 3, failed: 0 }';
    const said = run('engine.mjs').trim().split('\n');
    assert.deepEqual(said.slice(0, 2).sort(), ['one', 'two']);
    assert.deepEqual(said.slice(2), ['sum', counts]);
    const built = run('build.mjs').trim().split('\n');
    const squares = [1, 2, 3].map((n) => `square ${n} executed ${n * n}`);
    assert.deepEqual(built.slice(0, 3).sort(), squares);
    assert.deepEqual(built.slice(3), ['report writing', 'report executed undefined']);
    assert.equal(run('watch.mjs'), 'one executed\ntwo executed\nsum executed\n');
    assert.equal(run('artifact.mjs'), '');
    assert.equal(readFileSync(join(folder, 'lib.txt'), 'utf8'), 'made');
    assert.match(run('sync.mjs'), /SharedArrayBuffer/);
    assert.equal(run('control.mjs'), 'two 2\n');
    writeProgram(folder, 'busy.mjs', BUSY);
    assert.match(run('busy.mjs'), /^sum \w+\nslow none$/m);
  });

  test('it tells of every function, of every call of a state, and of every code', () => {
    const [, table] = /## Calls\n(.*?)\n## /s.exec(TEXT)!;
    const functions = Object.entries(millrace).filter(([name, value]) => {
      return typeof value === 'function' && !/^class/.test(String(value)) && !HELPERS.has(name);
    });
    const methods = Object.getOwnPropertyNames(BuildState.prototype).filter((name) =>
      /^(?!constructor)\w+$/.test(name),
    );
    const declared = readFileSync(new URL('../../src/state.d.ts', import.meta.url), 'utf8');
    const calls = methods.filter((name) => new RegExp(`^    ${name}[<(]`, 'm').test(declared));
    for (const name of [...functions.map(([name]) => name), ...calls])
      assert.match(table!, new RegExp(`\\b${name}\\b`), name);
    const errors = readFileSync(join(ROOT, 'src/errors.ts'), 'utf8');
    const codes = new Set([...errors.matchAll(/super\(\s*'([A-Z_]+)'/g)].map(([, code]) => code!));
    assert.ok(codes.size > 20);
    for (const code of codes) assert.ok(table!.includes(`\`${code}\``), code);
  });

  test('it tells of every call of tasks and graph', () => {
    for (const [part, { prototype }] of Object.entries({ tasks: TaskManager, graph: DependencyGraph })) {
      const [, table] = /## Calls\n(.*?)\n## /s.exec(TEXT)!;
      const rows = table!.split('\n').filter((line) => line.startsWith(`| \`${part}.`));
      const told = rows.flatMap((line) => [...line.split('|')[1]!.matchAll(/`(?:\w+\.)?(\w+)`/g)]);
      const names = new Set(told.map(([, name]) => name));
      const declared = readFileSync(
        new URL(
          part === 'tasks' ? '../../src/tasks/task-manager.d.ts' : '../../src/graph/dependency-graph.d.ts',
          import.meta.url,
        ),
        'utf8',
      );
      for (const name of Object.getOwnPropertyNames(prototype)) {
        const isPublic =
          new RegExp(`^    ${name}[<(]`, 'm').test(declared) &&
          !/^(constructor|replaceByManifest)$/.test(name);
        if (isPublic) assert.ok(names.has(name), `${part}.${name}`);
      }
    }
  });
});
