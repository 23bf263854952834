import { InvalidDepfile } from '../errors.js';

/** The end of a continued line, the end of a rule, or a word: whatever stands between unescaped white space. */
const TOKEN = /\\\r?\n|\n|(?:[^\s\\]|\\(?!\r?\n).)+|\\$/gs;
const ESCAPED = /[\\$]/;

/**
 * The prerequisites in a Makefile-style dependency file, as gcc and clang write it; unique, in order.
 *
 * Reads `\ ` and `\#` as the character, `$$` as `$`, a backslash at the end of a line as its continuation, and pairs of
 * backslashes before a space as one each (GNU make's rule). A target without prerequisites (`-MP`) adds none.
 * @param path its name, for the error
 * @throws InvalidDepfile if there are words, but no target; as ninja
 */
export function parseDepfile(text: string, path: string): string[] {
  const prerequisites = new Set<string>();
  let inTargets = true;
  let [isEmpty, hasTarget] = [true, false];
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '\n') inTargets = true;
    else if (token.startsWith('\\') && token.endsWith('\n')) continue;
    else if (!inTargets) prerequisites.add(unescapeWord(token));
    else {
      isEmpty = false;
      inTargets = !token.endsWith(':');
      hasTarget ||= !inTargets;
    }
  }
  if (!isEmpty && !hasTarget) throw new InvalidDepfile(path);
  return [...prerequisites];
}

function unescapeWord(word: string): string {
  if (!ESCAPED.test(word)) return word;
  return word
    .replace(/(\\*)\\( )/g, (_, slashes: string, space: string) => '\\'.repeat(slashes.length / 2) + space)
    .replace(/\\([#:])/g, '$1')
    .replaceAll('$$', () => '$');
}
