import { InvalidArgument } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import type { Row } from '../task.js';
import { shown } from '../values.js';

/** The key of an action: a SHA-256. */
const VERSION = /^[0-9a-f]{64}$/;
const NO_WORDS = new Int32Array(0);

/** The version that was recorded as the task's; undefined if none was. */
export function artifactOf({ lists }: TaskTable, row: Row): string | undefined {
  const words = lists.artifact.view(row);
  if (words.length === 0) return undefined;
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString('hex');
}

/** All versions that are recorded as a task's. O(tasks). */
export function recordedArtifacts(table: TaskTable): Set<string> {
  const found = new Set<string>();
  for (let row = 0; row < table.rowCount; row++) {
    const version = table.changes.look(() => (table.isLive(row) ? artifactOf(table, row) : undefined));
    if (version !== undefined) found.add(version);
  }
  return found;
}

/** Inside `Changes.make`. @throws InvalidArgument */
export function setArtifact({ lists }: TaskTable, row: Row, version: string | undefined): void {
  if (version !== undefined && !(typeof version === 'string' && VERSION.test(version))) {
    throw new InvalidArgument(
      `setArtifact takes the version that artifacts.record has returned, 64 hexadecimal digits, not ${shown(version)}.`,
    );
  }
  lists.artifact.overwrite(row, version === undefined ? NO_WORDS : wordsOf(version));
}

function wordsOf(version: string): Int32Array {
  const words = new Int32Array(version.length / 8);
  Buffer.from(words.buffer).write(version, 'hex');
  return words;
}
