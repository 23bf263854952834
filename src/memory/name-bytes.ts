/** The longest name, in UTF-8 bytes: what a path may have. */
export const MAX_NAME_BYTES = 4096;

/** The name that is looked up, with its hash; one per thread, overwritten by the next `encode`. */
export const encoded = { bytes: Buffer.alloc(4 * MAX_NAME_BYTES), length: 0, hash: 0 };

/** Puts a name's UTF-8 bytes and hash into `encoded`; false if it can be no name. O(length). */
export function encode(name: string): boolean {
  const length = name.length;
  if (length === 0 || length > MAX_NAME_BYTES) return false;
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0) return false;
    if (code > 0x7f) return encodeUtf8(name);
    encoded.bytes[i] = code;
    hash = Math.imul(hash ^ code, 0x01000193);
  }
  encoded.hash = mix(hash);
  encoded.length = length;
  return true;
}

function encodeUtf8(name: string): boolean {
  const length = encoded.bytes.write(name, 'utf8');
  if (length > MAX_NAME_BYTES || name.includes('\0') || !name.isWellFormed()) return false;
  encoded.hash = hashOf(encoded.bytes, 0, length);
  encoded.length = length;
  return true;
}

/** The hash of the name whose UTF-8 is bytes [from, to): FNV-1a, and a mix at its end. O(length). */
export function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return mix(hash);
}

function mix(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 12);
}
