/** Two independent hashes of 32 bits: of ten million states, two have the same ones by chance once in 400,000 explorations. */
export interface Hash {
  one: number;
  two: number;
}

/** Of a number, mixed so that all bits of the result depend on all of it (the finalizer of MurmurHash3, Appleby). */
function mix(value: number, seed: number): number {
  let hash = Math.imul(value ^ seed, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Adds or takes away a word with its place: whatever the order, the same words give the same hash (Zobrist, 1970). */
export function toggle(hash: Hash, place: number, value: number): void {
  const high = Math.floor(place / 2 ** 30);
  hash.one ^= mix(mix(place, 0x9e3779b1) + Math.imul(high, 31) + value, 0x1b873593);
  hash.two ^= mix(mix(place, 0x7feb352d) + Math.imul(high, 37) + value, 0x846ca68b);
}

/** Appends to a sequence. */
export function append(hash: Hash, value: number): void {
  hash.one = mix(Math.imul(hash.one, 31) + value, 0x9e3779b1);
  hash.two = mix(Math.imul(hash.two, 37) + value, 0x7feb352d);
}
