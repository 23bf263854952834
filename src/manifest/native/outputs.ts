import { posix } from 'node:path';

/** Anything that could make a path a glob. */
const GLOB = /[*?[\]{}()!+@|\\]/;

/** `..` as a component, also of one alternative in braces or parentheses. */
const PARENT = /(?:^|[/{},(|])\.\.(?:[/{},)|]|$)/;

/** The path that an output certainly is, without `.`, empty components and `x/..`; undefined for a glob. */
export function literalOutput(output: string): string | undefined {
  return GLOB.test(output) ? undefined : posix.normalize(output).replace(/\/$/, '');
}

/** What is wrong with an output, if something is: it must lie within the manifest's folder. */
export function invalidOutput(output: string): string | undefined {
  const pattern = output.startsWith('!') ? output.slice(1) : output;
  if (pattern === '') return 'is empty';
  if (/^(?:[/\\]|[A-Za-z]:)/.test(pattern))
    return "is absolute: outputs are relative to the manifest's folder";
  const path = literalOutput(pattern);
  // What `..` leaves behind a glob isn't known before the glob is matched.
  const leaves = path === undefined ? PARENT.test(pattern) : path === '..' || path.startsWith('../');
  if (leaves) return "leaves the manifest's folder: outputs must lie within it";
  return path === '.' ? "is the manifest's folder itself: name what is made in it" : undefined;
}
