import { closest, distance } from 'fastest-levenshtein';
import { quote } from './errors.js';

/** Nobody can see the slip in a longer word, and comparing takes the product of both lengths. */
const MAX_LENGTH = 256;

/** `did you mean "x"?` for the candidate that is likely meant, if there is one. O(candidates). */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  // Two letters swapped count as two changes, so a word of four must tolerate that many.
  const tolerated = Math.min(3, Math.ceil(word.length / 3));
  const similar = candidates.filter(
    (name) => Math.abs(name.length - word.length) <= tolerated && hasMoreInCommon(word, name),
  );
  if (similar.length === 0) return undefined;
  const best = closest(word, similar);
  return distance(word, best) <= tolerated ? `did you mean ${quote(best)}?` : undefined;
}

/** One letter is no slip for another one, unless it is the same in the other case. */
function hasMoreInCommon(word: string, name: string): boolean {
  return word.length > 1 || name.length > 1 || word.toLowerCase() === name.toLowerCase();
}
