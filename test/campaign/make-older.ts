/**
 * `node make-older.js DIRECTORY`: gives the store of a state the schema before ours, and prints `made`; unless it has it already, or holds nothing. A
 * process of its own, as its end takes along all that LMDB holds.
 */
import { openState } from 'millrace';
import { makeOld } from '../store/old-schema.js';

const directory = process.argv[2]!;
if (await isOurs()) {
  await makeOld(directory);
  process.stdout.write('made');
}

async function isOurs(): Promise<boolean> {
  try {
    await using state = await openState({ directory, readOnly: true });
    return state.tasks.counts().total > 0;
  } catch (error) {
    // It waits for its migration, or for the next one to put it in its place.
    if (['STATE_UNAVAILABLE', 'STATE_CORRUPT'].includes((error as { code: string }).code)) return false;
    throw error;
  }
}
