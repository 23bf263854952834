/** Below so many keys, to count 65,536 values four times takes longer than to compare. */
const WORTH_COUNTING = 16_384;
const DIGIT_BITS = 16;
const DIGITS = 1 << DIGIT_BITS;

/**
 * All indices of `keys`, highest key first, equal keys by index: a radix sort (least significant digit first, so
 * stable) over the bits of the doubles, whose order as integers is their order as numbers while none is negative.
 * A digit that all keys share is skipped. O(keys).
 * @param keys not negative, not NaN
 */
export function rankDescending(keys: Float64Array): Int32Array {
  if (keys.length < WORTH_COUNTING) return rankByComparing(keys);
  const digits = new Uint16Array(keys.buffer, keys.byteOffset, keys.length * 4);
  let indices = Int32Array.from(keys, (_, index) => index);
  let spare = new Int32Array(keys.length);
  for (let digit = 0; digit < 4; digit++) {
    const ends = countDown(digits, digit, keys.length);
    if (ends === undefined) continue;
    for (const index of indices) spare[ends[digits[index * 4 + digit]!]!++] = index;
    [indices, spare] = [spare, indices];
  }
  return indices;
}

function rankByComparing(keys: Float64Array): Int32Array {
  const indices = Int32Array.from(keys, (_, index) => index);
  return indices.sort((one, other) => keys[other]! - keys[one]! || one - other);
}

/** Where each value of the digit begins, the highest value first; undefined if there is one value only. */
function countDown(digits: Uint16Array, digit: number, length: number): Int32Array | undefined {
  const counts = new Int32Array(DIGITS);
  for (let index = 0; index < length; index++) counts[digits[index * 4 + digit]!]!++;
  let begin = 0;
  for (let value = DIGITS - 1; value >= 0; value--) {
    const count = counts[value]!;
    if (count === length) return undefined;
    counts[value] = begin;
    begin += count;
  }
  return counts;
}
