/**
 * A process that stores, restores and collects in one content store with others, until it is killed or its time is up.
 * Arguments: the folder, the milliseconds, the seed. Ends with 0 if all it got was right; else says what was wrong.
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ActionFiles } from '../../src/artifacts/cache/action-files.js';
import { BlobStore, type Digest } from '../../src/artifacts/cache/blobs.js';
import { collect } from '../../src/artifacts/cache/collect.js';
import { decodeEntry } from '../../src/artifacts/cache/decode-entry.js';
import { type ActionFile, encodeEntry } from '../../src/artifacts/cache/entry.js';
import { restoreEntry } from '../../src/artifacts/cache/restore.js';
import { REPLACE_ALL } from '../../src/artifacts/cache/restore-plan.js';
import { inSlices } from '../../src/artifacts/cache/steps.js';
import { randomFrom } from '../engine/lane-support.js';
import { ACTIONS, contentOf, FILES, LARGE, OVER } from './content-tree.js';

const [folder, time, seed] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const random = randomFrom(seed);
const content = join(folder, 'content');
const store = BlobStore.open(content);
const actions = new ActionFiles(content, store);
const root = join(folder, `root-${process.pid}`);
mkdirSync(root);
/** A tree that is there is replaced from time to time, file by file. */
let isThere = false;

const keyOf = (action: number) => hash('sha256', `${action}`) as Digest;

async function keep(action: number): Promise<void> {
  const files: ActionFile[] = [];
  for (let file = 0; file < FILES; file++) {
    const path = join(root, 'made');
    const bytes = contentOf(action, file);
    writeFileSync(path, bytes);
    const stored = await inSlices(store.putFile(path, hash('sha256', bytes) as Digest));
    files.push({ path: `out/${file}`, ...stored! });
  }
  const rest = { links: [], folders: [], log: null, duration: 1 };
  const origin = { run: 1, host: 'here', version: '0', time: 1 };
  const key = keyOf(action);
  actions.write('actions', key, encodeEntry(key, { task: `${action}`, files, ...rest, origin }));
}

/** True if there was something to restore, and it was right. */
async function restore(action: number): Promise<boolean> {
  const key = keyOf(action);
  const bytes = actions.read('actions', key);
  if (bytes === undefined) return false;
  const entry = decodeEntry(key, bytes);
  assert.ok(entry !== undefined, 'an entry is torn');
  writeFileSync(join(root, OVER), String(isThere));
  if ((await restoreEntry(root, store, entry, REPLACE_ALL)) !== 'restored') return false;
  for (let file = 0; file < FILES; file++) {
    assert.ok(
      readFileSync(join(root, `out/${file}`)).equals(contentOf(action, file)),
      'a wrong file was restored',
    );
  }
  isThere = true;
  if (random() < 0.7) removeTree();
  return true;
}

/** At once, so that whoever finds a part of it has found a mistake. */
function removeTree(): void {
  renameSync(join(root, 'out'), join(root, 'old'));
  rmSync(join(root, 'old'), { recursive: true });
  isThere = false;
}

async function collectSome(): Promise<void> {
  const usedSince = Date.now() - random() * 2000;
  await inSlices(collect(content, { usedSince, maxBytes: LARGE * 8, isDefined: () => false, graceMs: 0 }));
}

const counts = { kept: 0, restored: 0, collected: 0 };
for (const end = performance.now() + time; performance.now() < end; ) {
  const action = Math.floor(random() * ACTIONS);
  const dice = random();
  if (dice < 0.1) {
    await collectSome();
    counts.collected++;
  } else if (!(await restore(action))) {
    await keep(action);
    counts.kept++;
  } else counts.restored++;
}
// A blob that is not what its name says would have been set aside.
assert.equal(store.damaged, 0, 'a blob is torn');
console.log(JSON.stringify(counts));
