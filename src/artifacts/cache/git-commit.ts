import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ifThere } from './stored-files.js';

const COMMIT = /^[0-9a-f]{40,64}$/;

/**
 * The commit that is checked out where a folder lies; undefined if it lies in no repository of git, or in one that is laid out in another
 * way than gitrepository-layout(5) says. Reads four small files at most: to start git would take a large process 30 ms.
 */
export function gitCommit(folder: string): string | undefined {
  const repository = repositoryOf(folder);
  const head = repository && text(join(repository, 'HEAD'));
  const branch = head?.startsWith('ref: ') ? head.slice('ref: '.length) : undefined;
  const commit = branch === undefined ? head : commitOf(repository!, branch);
  return commit !== undefined && COMMIT.test(commit) ? commit : undefined;
}

/** The nearest repository at or above a folder. A linked work tree has a file that names its own. */
function repositoryOf(folder: string): string | undefined {
  const path = join(folder, '.git');
  const named = text(path);
  if (named?.startsWith('gitdir: ')) return resolve(folder, named.slice('gitdir: '.length));
  if (text(join(path, 'HEAD')) !== undefined) return path;
  return dirname(folder) === folder ? undefined : repositoryOf(dirname(folder));
}

/** Branches of linked work trees are kept in the repository that these share. */
function commitOf(repository: string, branch: string): string | undefined {
  const shared = resolve(repository, text(join(repository, 'commondir')) ?? '.');
  const loose = text(join(shared, branch));
  if (loose !== undefined) return loose;
  const packed = text(join(shared, 'packed-refs'))?.split('\n') ?? [];
  return packed.find((line) => line.endsWith(` ${branch}`))?.split(' ')[0];
}

/** Undefined for what cannot be read. */
function text(path: string): string | undefined {
  try {
    return ifThere(() => readFileSync(path, 'utf8').trim());
  } catch {
    return undefined;
  }
}
