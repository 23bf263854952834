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

/**
 * The path under which a file has its row: clean, and relative to the root if it lies below it, however it is named; the root itself is `.`. `..`
 * is taken as text, as by ninja, whatever links are before it.
 * @param root absolute
 */
export function rootPath(path: string, root: string): string {
  const clean = cleanPath(path);
  if (!isAbsolute(clean) && !clean.startsWith('..')) return clean;
  const absolute = posix.resolve(root, clean);
  if (absolute === root) return '.';
  // `../../x/y` is `../y` in a project in x.
  if (!isAbsolute(clean)) return posix.relative(root, absolute);
  const prefix = root.endsWith('/') ? root : `${root}/`;
  return absolute.startsWith(prefix) ? absolute.slice(prefix.length) : clean;
}

/** As `rootPath`, for a pattern, which may begin with `!`. The root itself is all that is in it. */
export function cleanPattern(pattern: string, root: string): string {
  if (pattern.startsWith('!')) return `!${cleanPattern(pattern.slice(1), root)}`;
  const path = rootPath(pattern, root);
  return path === '.' ? '**' : path;
}

/**
 * As `rootPath`, for what a command calls `path`.
 * @param cwd where the command works, relative to the root
 */
export function pathFrom(cwd: string, path: string, root: string): string {
  return rootPath(cwd === '.' || isAbsolute(path) ? path : `${cwd}/${path}`, root);
}

/** True for a folder, and for all below it: two paths of the same kind, without a slash at the end. */
export function isIn(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** Where a file of the file table is for the system. @param prefix the root with a slash behind it, or '' */
export function locate(prefix: string, path: string): string {
  return isAbsolute(path) ? path : prefix + path;
}
