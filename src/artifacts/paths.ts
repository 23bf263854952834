import { isAbsolute, posix } from 'node:path';

/** An empty, `.` or `..` component, or a slash at the end. */
const UNCLEAN = /(?:^\.{1,2}|\/\.{0,2})(?:\/|$)/;

/**
 * The path in the one spelling under which a file has its row: without `.`, empty components, `x/..` and a slash at the
 * end. Links are not looked at; an absolute path stays absolute.
 */
export function cleanPath(path: string): string {
  if (!UNCLEAN.test(path)) return path;
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** As `cleanPath`, for a pattern; one that begins with `!` stays as it is. */
export function cleanPattern(pattern: string): string {
  return pattern.startsWith('!') ? pattern : cleanPath(pattern);
}

/**
 * The clean path of what a command calls `path`, relative to the root if it is below it, however the command names it.
 * @param cwd where the command works, relative to the root
 * @param root the absolute root
 */
export function pathFrom(cwd: string, path: string, root: string): string {
  const clean = cleanPath(isAbsolute(path) ? path : `${cwd}/${path}`);
  return clean.startsWith(`${root}/`) ? clean.slice(root.length + 1) : clean;
}

/** Where a file of the file table is for the system. @param prefix the root with a slash behind it, or '' */
export function locate(prefix: string, path: string): string {
  return isAbsolute(path) ? path : prefix + path;
}
