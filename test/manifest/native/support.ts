import assert from 'node:assert/strict';
import { ManifestError } from '../../../src/errors.js';
import type { Manifest } from '../../../src/manifest/manifest.js';
import { readNative } from '../../../src/manifest/native/index.js';
import type { TaskDefinition } from '../../../src/task.js';

export function readToml(text: string): Manifest {
  return readNative('/project/millrace.toml', () => Buffer.from(text));
}

export function readJson(value: unknown): Manifest {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return readNative('/project/millrace.json', () => Buffer.from(text));
}

export function task(manifest: Manifest, id: string): TaskDefinition {
  const found = manifest.tasks.find((definition) => definition.id === id);
  assert.ok(found, `there is no task ${id}`);
  return found;
}

export interface Expected {
  /** `line:column` */
  readonly at: string;
  readonly message: RegExp;
  readonly hint?: RegExp;
}

/** Checks the whole of an error: that it is ours, where it points, what it says and what it advises. */
export function assertRefused(read: () => unknown, { at, message, hint }: Expected): void {
  assert.throws(read, (error) => {
    assert.ok(error instanceof ManifestError, String(error));
    assert.equal(error.code, 'MANIFEST_ERROR');
    assert.match(error.file, /^\/project\/millrace\.(toml|json)$/);
    assert.match(error.message, message);
    assert.equal(`${error.line}:${error.column}`, at, error.message);
    if (hint === undefined) assert.equal(error.hint, undefined);
    else assert.match(error.hint ?? '', hint);
    return true;
  });
}

/** A linear congruential generator: the same seed gives the same numbers. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
