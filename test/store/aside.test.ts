import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportState } from 'millrace';
import { replacedStore, statePaths } from '../../src/store/paths.js';
import { runCode, stateDirectory, withState } from './support.js';

const OPEN = 'await openState(directory);';
const REPAIR = "await (await import('millrace')).verifyState(directory, { repair: true });";

/** Is killed as soon as it has moved something aside. */
const killedIn = (body: string): string => `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { renameSync } = fs;
fs.renameSync = (from, to) => {
  renameSync(from, to);
  if (to.includes('.corrupt-')) process.kill(process.pid, 'SIGKILL');
};
syncBuiltinESMExports();
${body}`;

const onlyIn = (folder: string): string => join(folder, readdirSync(folder)[0]!);

function putFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  writeFileSync(join(path, 'file'), 'mine');
}

function putFile(path: string): void {
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, 'mine');
}

/** What is moved aside, by whom. */
const CASES: Readonly<Record<string, readonly [body: string, put: (directory: string) => void]>> = {
  'a damaged backup': [REPAIR, (directory) => truncateSync(onlyIn(statePaths(directory).backups), 100)],
  'a damaged export': [REPAIR, (directory) => truncateSync(onlyIn(statePaths(directory).exports), 100)],
  'a folder in the place of a backup': [
    REPAIR,
    (directory) => putFolder(onlyIn(statePaths(directory).backups)),
  ],
  'a file in the place of all backups': [OPEN, (directory) => putFile(statePaths(directory).backups)],
  'a folder in the place of the table of readers': [
    OPEN,
    (directory) => putFolder(statePaths(directory).readers),
  ],
  'what is not the store’s in one that was replaced': [
    OPEN,
    (directory) => putFolder(replacedStore(statePaths(directory))),
  ],
};

for (const [what, [body, put]] of Object.entries(CASES)) {
  test(`where something was moved is logged by who is killed right after: ${what}`, async (t) => {
    const directory = await stateDirectory(t);
    await withState(directory, async (state) => {
      state.tasks.define({ id: 'a' });
      await state.backup();
    });
    await exportState(directory);
    put(directory);
    const { signal, stderr } = await runCode(directory, killedIn(body));
    assert.equal(signal, 'SIGKILL', stderr);
    const names = readdirSync(directory, { recursive: true }).map(String);
    const [aside, ...others] = names.filter((name) => /\.corrupt-[^/]*$/.test(name));
    assert.deepEqual(others, []);
    const log = readFileSync(join(directory, 'log/millrace.log'), 'utf8');
    assert.ok(log.includes(`"movedAside":"${join(directory, aside!)}"`), log);
  });
}
