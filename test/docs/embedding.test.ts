import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DependencyGraph } from '../../src/graph/dependency-graph.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { programsOf, ROOT, temporaryFolder, writeProgram } from './support.js';

const TEXT = readFileSync(join(ROOT, 'docs/EMBEDDING.md'), 'utf8');

describe('docs/EMBEDDING.md', () => {
  test('its examples run', (t) => {
    const folder = temporaryFolder(t);
    const programs = programsOf('docs/EMBEDDING.md');
    assert.deepEqual(
      [...programs.keys()],
      [...['engine.mjs', 'worker.mjs', 'build.mjs', 'functions.mjs', 'watch.mjs']],
    );
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
  });

  test('it tells of every call', () => {
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
