import { closest, distance } from 'fastest-levenshtein';
import { quote } from '../errors.js';

/** Nobody can see the slip in a longer word, and comparing takes the product of both lengths. */
const MAX_LENGTH = 256;

/** `did you mean "x"?` for the candidate that is likely meant, if there is one. O(candidates). */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  // Two letters swapped count as two changes, so a word of four must tolerate that many.
  const tolerated = Math.min(3, Math.ceil(word.length / 3));
  const similar = candidates.filter(({ length }) => Math.abs(length - word.length) <= tolerated);
  if (similar.length === 0) return undefined;
  const best = closest(word, similar);
  return distance(word, best) <= tolerated ? `did you mean ${quote(best)}?` : undefined;
}
