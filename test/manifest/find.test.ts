import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { findManifest, readManifest } from '../../src/manifest/index.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-find-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

test('the usual names are found in order', () => {
  for (const name of ['build.ninja', 'millrace.json', 'millrace.toml']) {
    const path = write(name, '');
    assert.equal(findManifest(directory), path);
  }
});

test('without a manifest the error says what was looked for, and where', () => {
  const inner = join(directory, 'inner');
  mkdirSync(inner);
  write('millrace.toml', '');
  assert.throws(() => findManifest(inner), {
    code: 'NO_MANIFEST',
    directory: inner,
    message: `${inner} has no millrace.toml, millrace.json or build.ninja; create a millrace.toml, or name another folder or manifest.`,
  });
  assert.throws(() => findManifest(directory, 'x.toml'), {
    code: 'NO_MANIFEST',
    message: 'There is no manifest x.toml.',
  });
});

test('a link that leads nowhere is named, and no other manifest taken in its place', () => {
  const loop = join(directory, 'loop.toml');
  const link = join(directory, 'millrace.toml');
  symlinkSync('loop.toml', loop);
  write('millrace.json', '{}');
  const cases = [
    ['missing/millrace.toml', undefined, link],
    ['millrace.toml', undefined, link],
    ['loop.toml', 'loop.toml', loop],
  ] as const;
  for (const [target, file, named] of cases) {
    rmSync(link, { force: true });
    symlinkSync(target, link);
    assert.throws(() => findManifest(directory, file), {
      code: 'NO_MANIFEST',
      directory,
      message: `The manifest "${named}" is a link that leads to no file ("${target}"); mend or remove it, or name another manifest.`,
    });
  }
  rmSync(link);
  write('real', '');
  symlinkSync('real', link);
  assert.equal(findManifest(directory), link);
});

test('a named file is taken, if its name tells its kind', () => {
  write('millrace.toml', '');
  const other = write('other.json', '{}');
  assert.equal(findManifest(directory, 'other.json'), other);
  const path = write('other.yaml', '');
  assert.throws(() => findManifest(directory, path), {
    code: 'INVALID_ARGUMENT',
    message: /\.toml, \.json, \.ninja/,
  });
});

test('each kind is read by its reader', async () => {
  const toml = await readManifest(write('a.toml', '[tasks.a]\ncommand = "x"'));
  const json = await readManifest(write('a.json', '{"tasks": {"a": {"command": "x"}}}'));
  const ninja = await readManifest(write('a.ninja', 'rule r\n  command = x\nbuild a: r\n'));
  assert.deepEqual([toml.kind, json.kind, ninja.kind], ['native', 'native', 'ninja']);
  assert.deepEqual(toml.tasks, json.tasks);
  assert.equal(ninja.tasks[0]?.id, 'a');
  await assert.rejects(readManifest(write('bad.toml', 'x')), { code: 'MANIFEST_ERROR', line: 1 });
});
