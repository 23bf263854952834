import { plainOutput } from '../../output-claims.js';

/** `..` as a component, also of one alternative in braces or parentheses. */
const PARENT = /(?:^|[/{},(|])\.\.(?:[/{},)|]|$)/;

/** What is wrong with an output, if something is: it must lie within the manifest's folder. */
export function invalidOutput(output: string): string | undefined {
  const pattern = output.startsWith('!') ? output.slice(1) : output;
  if (pattern === '') return 'is empty';
  if (/^(?:[/\\]|[A-Za-z]:)/.test(pattern))
    return "is absolute: outputs are relative to the manifest's folder";
  const path = plainOutput(pattern);
  // What `..` leaves behind a glob isn't known before the glob is matched.
  const leaves = path === undefined ? PARENT.test(pattern) : path === '..' || path.startsWith('../');
  if (leaves) return "leaves the manifest's folder: outputs must lie within it";
  return path === '.' ? "is the manifest's folder itself: name what is made in it" : undefined;
}
