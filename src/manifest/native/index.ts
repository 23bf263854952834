import { dirname } from 'node:path';
import type { TaskDefinition, TaskId } from '../../task.js';
import { Files, type ReadFile, readRegular } from '../files.js';
import type { BackupOptions, Manifest } from '../manifest.js';
import type { Source } from '../source.js';
import { type Document, errorIn, locate, type Path, START } from './document.js';
import { toMilliseconds } from './duration.js';
import { expand } from './expand.js';
import { readJson } from './json.js';
import { Problems } from './problems.js';
import type { RawBackups } from './schema.js';
import { TaskBuilder } from './tasks.js';
import { readToml } from './toml.js';
import { validate } from './validate.js';

/** The most that a manifest may hold, in UTF-16 units. */
const MAX_LENGTH = 64 * 1024 * 1024;

/**
 * Reads a `millrace.toml` or `millrace.json`; a name that ends in `.json` is JSON. Cycles are left to the task table.
 * O(length of the manifest with all placeholders filled in).
 * @param path absolute; paths in the manifest relate to its folder
 * @throws ManifestError with file, line and column, at the first thing in the file that is wrong
 */
export function readNative(path: string, read: ReadFile = readRegular): Manifest {
  const document = readDocument(new Files(read).open(path, undefined));
  const manifest = validate(document);
  const problems = new Problems(document);
  const drafts = expand(manifest, problems);
  const tasks = new TaskBuilder(manifest, problems, dirname(path)).build(drafts);
  problems.throwFirst();
  const paths = drafts.map((draft) => draft.path);
  return {
    kind: 'native',
    path,
    root: dirname(path),
    files: [path],
    tasks,
    pools: manifest.pools ?? {},
    defaults: manifest.default ?? [],
    ...(manifest.backups === undefined ? {} : { backups: backupOptions(manifest.backups) }),
    placeOf: placesIn(document, tasks, paths),
  };
}

function backupOptions({ every, ...kept }: RawBackups): BackupOptions | false {
  if (every === false) return false;
  return { ...kept, ...(every === undefined ? {} : { every: toMilliseconds(every) }) };
}

/**
 * Keeps of the document what positions need, and no more: its tasks may be most of the memory.
 * @param paths where each of the tasks is written, in the same order
 */
function placesIn(
  { source: { name }, spots }: Document,
  tasks: readonly TaskDefinition[],
  paths: readonly Path[],
) {
  return (task: TaskId): string | undefined => {
    const path = paths[tasks.findIndex(({ id }) => id === task)];
    if (path === undefined) return undefined;
    const { line, column } = locate(spots(), path).key;
    return `${name}:${line}:${column}`;
  };
}

function readDocument(source: Source): Document {
  // A source ends with a NUL of its own; a mark for the byte order is no content.
  const text = source.text.slice(source.text.startsWith('\uFEFF') ? 1 : 0, -1);
  if (text.length > MAX_LENGTH) {
    throw errorIn(source, START, `the manifest is too large: the limit is ${MAX_LENGTH / 2 ** 20} MiB`);
  }
  return source.name.endsWith('.json') ? readJson(source, text) : readToml(source, text);
}
