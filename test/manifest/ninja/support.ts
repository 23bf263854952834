import assert from 'node:assert/strict';
import { ManifestError } from '../../../src/errors.js';
import type { Manifest } from '../../../src/manifest/manifest.js';
import { readNinja } from '../../../src/manifest/ninja/index.js';
import type { TaskDefinition } from '../../../src/task.js';

/** The folder that the manifests of the tests seem to lie in. */
export const ROOT = '/project/out';

/** Reads a manifest from memory: the text of build.ninja, and the files it includes by their path in ROOT. */
export function readText(main: string | Buffer, included: Readonly<Record<string, string>> = {}): Manifest {
  const files = new Map<string, Buffer>([[`${ROOT}/build.ninja`, Buffer.from(main)]]);
  for (const [name, text] of Object.entries(included)) files.set(`${ROOT}/${name}`, Buffer.from(text));
  return readNinja(`${ROOT}/build.ninja`, (path) => {
    const content = files.get(path);
    if (content === undefined) throw new Error('there is no such file');
    return content;
  });
}

export function taskOf(manifest: Manifest, id: string): TaskDefinition {
  const task = manifest.tasks.find((one) => one.id === id);
  assert.ok(task, `no task ${id} among ${manifest.tasks.map((one) => one.id).join(', ')}`);
  return task;
}

/** The task of the first edge of a manifest. */
export function firstTask(main: string, included?: Readonly<Record<string, string>>): TaskDefinition {
  return readText(main, included).tasks[0]!;
}

/** What an error says, its file shown relative to ROOT. */
export function failure(main: string | Buffer, included?: Readonly<Record<string, string>>): string {
  try {
    readText(main, included);
  } catch (error) {
    assert.ok(error instanceof ManifestError, String(error));
    assert.ok(error.message.startsWith(`${error.file}:${error.line}:${error.column}: `));
    return error.message.replaceAll(`${ROOT}/`, '');
  }
  throw new assert.AssertionError({ message: 'the manifest was read without an error' });
}
