import { type Dirent, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, relative, resolve } from 'node:path';
import { FileUnreadable } from '../errors.js';
import { cleanPath, isIn } from '../paths.js';
import { picomatch } from '../tasks/glob.js';
import { unreadable } from './examine.js';

export interface GlobOptions {
  /** Plain paths that match nothing, with all below them, whatever the patterns say. */
  readonly exclude?: readonly string[];
  /** Also what is in folders that are usually left out (default false). */
  readonly everywhere?: boolean;
  /** A link to a folder that a pattern names as it stands is no folder (default false). */
  readonly leaveLinks?: boolean;
}

/** Left out unless a pattern names them; states of other projects, below this one, among them. */
const USUALLY_LEFT_OUT = ['.git', '.millrace', 'node_modules'] as const;
/** With `s`, so that a name may contain a line break. */
const MATCH_OPTIONS = { dot: true, flags: 's' } as const;
const LINE_BREAK = /[\n\r\u2028\u2029]/;
/** What the system's decoder puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/** Certainly not a glob; spares most runs the loading of the libraries. */
const PLAIN = /^[\w./ -]*$/;

/** Parentheses that are just characters, as in the `app/(group)` of web frameworks: no extended glob such as `@(a|b)`. */
const BARE_GROUP = /(?<![\\@?!+*])\(([^()|]*)\)/g;

type Matcher = (path: string) => boolean;

type Tinyglobby = typeof import('tinyglobby');

let loaded: Tinyglobby | undefined;

/** Loaded at the first use: a run of tasks without globs has no need of it. */
function tinyglobby(): Tinyglobby {
  loaded ??= createRequire(import.meta.url)('tinyglobby') as Tinyglobby;
  return loaded;
}

/** True if the pattern is not simply a path. */
export function isGlob(pattern: string): boolean {
  return pattern.startsWith('!') || isDynamic(pattern);
}

/**
 * The paths, relative to `root` and sorted, that match at least one pattern and none of those that begin with `!`, in
 * whatever order they are given.
 *
 * - A pattern that names a folder means all files in it; one that names a file, or is no glob, means that path, whether it
 *   exists or not.
 * - Names that begin with a dot match; what is in a folder `.git`, `.millrace` or `node_modules` matches only if the pattern names it.
 * - A link to a file is a file. A link to a folder is a folder if a pattern names it, before the first of its parts that is a glob; else it
 *   is left alone.
 *
 * @throws FileUnreadable for a folder that can't be read, and for a matching name that is not UTF-8: leaving them out would
 *   hide changes
 */
export function expandGlobs(
  root: string,
  patterns: readonly string[],
  options: GlobOptions = {},
): readonly string[] {
  return expandTree(root, patterns, options).files;
}

/** What patterns match, relative to the root. */
export interface MatchedTree {
  /** As `expandGlobs` gives them. */
  readonly files: readonly string[];
  /** Links to folders, or to nothing. */
  readonly links: readonly string[];
  readonly emptyFolders: readonly string[];
}

/** As `expandGlobs`, with what is no file: only what globs match. @throws FileUnreadable */
export function expandTree(
  root: string,
  patterns: readonly string[],
  options: GlobOptions = {},
): MatchedTree {
  const isLeftOut = matcherOf(
    patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1)),
  );
  const isExcluded = plainMatcher(options.exclude ?? []);
  const found = new Set<string>();
  const globs: string[] = [];
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) continue;
    const kind = kindOf(root, pattern);
    if (kind === 'folder' && options.leaveLinks === true && isLink(resolve(root, pattern))) continue;
    if (kind === 'glob') globs.push(escapeGroups(stripDot(pattern)));
    else if (kind === 'folder') globs.push(`${tinyglobby().escapePath(cleanPath(pattern))}/**`);
    else found.add(cleanPath(pattern));
  }
  const walked = walk(root, globs, options.everywhere === true);
  for (const path of walked.files) found.add(path);
  const chosen = (paths: Iterable<string>) =>
    [...paths].filter((path) => !isLeftOut(path) && !isExcluded(path)).sort();
  const tree = {
    files: chosen(found),
    links: chosen(walked.links),
    emptyFolders: chosen(walked.emptyFolders),
  };
  for (const path of Object.values(tree).flat()) if (path.includes(REPLACEMENT)) refuseIfMangled(root, path);
  return tree;
}

/** True if `expandGlobs` does not look where the path is, unless told to look everywhere, for what the pattern matches. */
export function isLeftOut(path: string, pattern: string): boolean {
  const parts = path.split('/');
  return USUALLY_LEFT_OUT.some((name) => parts.includes(name) && !pattern.split('/').includes(name));
}

/** A test for paths: true if one of the patterns matches and none of those that begin with `!`. */
export function pathMatcher(patterns: readonly string[]): Matcher {
  const isIn = matcherOf(patterns.filter((pattern) => !pattern.startsWith('!')));
  const isOut = matcherOf(patterns.filter((pattern) => pattern.startsWith('!')).map((p) => p.slice(1)));
  return (path) => isIn(path) && !isOut(path);
}

/** Matches what a pattern matches, or names as it stands, and all below it. */
function matcherOf(patterns: readonly string[]): Matcher {
  if (patterns.length === 0) return () => false;
  const clean = patterns.map((pattern) => stripDot(pattern).replace(/\/+$/, ''));
  if (clean.every((pattern) => PLAIN.test(pattern))) return plainMatcher(clean);
  const both = [
    ...clean.map(escapeGroups),
    ...clean
      .filter((pattern) => tinyglobby().isDynamicPattern(pattern))
      .map((path) => tinyglobby().escapePath(path)),
  ];
  return picomatch([...both, ...both.map((pattern) => `${pattern}/**`)], MATCH_OPTIONS);
}

/** Matches the paths, and all below them. */
function plainMatcher(paths: readonly string[]): Matcher {
  return (path) => paths.some((plain) => isIn(plain, path));
}

function isDynamic(pattern: string): boolean {
  if (PLAIN.test(pattern)) return false;
  // An escape is to be taken away, which only matching does.
  return pattern.includes('\\') || tinyglobby().isDynamicPattern(escapeGroups(pattern));
}

function escapeGroups(pattern: string): string {
  return pattern.replace(BARE_GROUP, '\\($1\\)');
}

function stripDot(pattern: string): string {
  return pattern.replace(/^(?:\.\/)+/, '');
}

function kindOf(root: string, pattern: string): 'folder' | 'file' | 'glob' {
  const path = resolve(root, pattern);
  // What keeps it from being looked at is met when it is scanned.
  const stat = statIfShown(path);
  if (stat !== undefined) return stat.isDirectory() ? 'folder' : 'file';
  return isDynamic(pattern) ? 'glob' : 'file';
}

/** Patterns that name a folder which is usually left out are on their own, so that it stays left out for the others; and absolute ones. */
function walk(root: string, globs: readonly string[], everywhere: boolean): MatchedTree {
  const groups = new Map<string, { readonly ignored: readonly string[]; readonly globs: string[] }>();
  for (const glob of globs) {
    const ignored = everywhere ? [] : USUALLY_LEFT_OUT.filter((name) => !glob.split('/').includes(name));
    const key = `${isAbsolute(glob)} ${ignored.join()}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ignored, globs: [glob] });
    else group.globs.push(glob);
  }
  const trees = [...groups.values()].map((group) => {
    const ignore = group.ignored.map((name) => `**/${name}/**`);
    return new Walk(root, group.globs, ignore).run();
  });
  const all = (pick: (tree: MatchedTree) => readonly string[]) => [...new Set(trees.flatMap(pick))];
  return {
    files: all(({ files }) => files),
    links: all(({ links }) => links),
    emptyFolders: all(({ emptyFolders }) => emptyFolders),
  };
}

/** One walk through the folders; reads them itself, because what tinyglobby can't read it leaves out in silence. */
class Walk {
  private readonly root: string;
  private readonly globs: readonly string[];
  private readonly ignore: readonly string[];
  private failure: unknown;
  /** Files whose paths contain a line break, which tinyglobby's `**` doesn't match: relative to the root. */
  private readonly broken: string[] = [];
  private readonly links: string[] = [];
  private readonly emptyFolders: string[] = [];
  private readonly isAbsolute: boolean;
  /** The folders that patterns begin with, and those above. */
  private readonly named: ReadonlySet<string>;

  constructor(root: string, globs: readonly string[], ignore: readonly string[]) {
    this.root = root;
    this.globs = globs;
    this.ignore = ignore;
    this.isAbsolute = isAbsolute(globs[0]!);
    this.named = new Set(globs.flatMap(literalFolders));
  }

  run(): MatchedTree {
    const found = tinyglobby().globSync(this.globs, {
      cwd: this.root,
      ignore: this.ignore,
      dot: true,
      expandDirectories: false,
      absolute: this.isAbsolute,
      followSymbolicLinks: false,
      fs: { readdirSync: ((folder: string) => this.read(folder)) as unknown as typeof readdirSync },
    });
    if (this.failure !== undefined) throw this.failure;
    const match = picomatch([...this.globs], { ...MATCH_OPTIONS, ignore: [...this.ignore] });
    const isMatch = (path: string) => match(path);
    const files = [...found, ...this.broken.filter(isMatch)];
    return { files, links: this.links.filter(isMatch), emptyFolders: this.emptyFolders.filter(isMatch) };
  }

  private read(folder: string): Dirent[] {
    try {
      const entries = readdirSync(folder, { withFileTypes: true });
      if (entries.length === 0) this.emptyFolders.push(this.nameOf(folder));
      return entries.filter((entry) => this.admit(folder, entry));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.failure ??= unreadable(folder, error);
      return [];
    }
  }

  /** Makes a link to a file look like a file; false for other links, which are only noted. */
  private admit(folder: string, entry: Dirent): boolean {
    const path = resolve(folder, entry.name);
    if (entry.isSymbolicLink()) {
      const isNamed = this.named.has(this.nameOf(path));
      if (!isNamed && !isFile(path)) {
        this.links.push(this.nameOf(path));
        return false;
      }
      entry.isSymbolicLink = () => false;
      if (isNamed) entry.isDirectory = () => true;
      else entry.isFile = () => true;
    }
    if (LINE_BREAK.test(path)) this.admitBroken(path, entry);
    return true;
  }

  /** As the patterns begin: those that are absolute lie outside of the root. */
  private nameOf(path: string): string {
    return this.isAbsolute ? resolve(path) : relative(this.root, path);
  }

  private admitBroken(path: string, entry: Dirent): void {
    if (entry.isFile()) this.broken.push(this.nameOf(path));
    // tinyglobby would not look into it.
    else if (entry.isDirectory()) this.read(path);
  }
}

/** The folders that a pattern begins with: `a` and `a/b` for `a/b/*.c`. */
export function literalFolders(glob: string): string[] {
  const parts = glob.replaceAll(/\\(.)/g, '$1').split('/');
  const end = glob.split('/').findIndex((part) => isDynamic(part));
  const folders = parts.slice(0, Math.max(end, 0)).map((_, index) => parts.slice(0, index + 1).join('/'));
  return folders.filter((folder) => folder !== '');
}

function refuseIfMangled(root: string, path: string): void {
  if (lstatSync(resolve(root, path), { throwIfNoEntry: false }) !== undefined) return;
  throw new FileUnreadable(
    path,
    'its name is not UTF-8; rename it, or exclude it by a pattern that begins with "!"',
  );
}

/** What is there, and not what it leads to. */
export function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** Follows links; false for what cannot be looked at, too. */
export function isFolder(path: string): boolean {
  return statIfShown(path)?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return statIfShown(path)?.isFile() === true;
}

function statIfShown(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
