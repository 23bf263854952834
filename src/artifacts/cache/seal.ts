import { sha256Hex } from '../../sha256.js';

/** Hexadecimal SHA-256. */
const HASH_CHARACTERS = 64;

/** A value as JSON behind a line with the digest of the key and that: the file of another key, in the place of this one's, is damage. */
export function seal(key: string, value: unknown): Buffer {
  const text = JSON.stringify(value);
  return Buffer.from(`${digestOf(key, text)}\n${text}`);
}

/** True for bytes that `seal` gave for this key. */
export function isSealed(key: string, bytes: Buffer): boolean {
  return sealedText(key, bytes) !== undefined;
}

/** The value; undefined if the bytes are not what `seal` gave for this key. */
export function unseal(key: string, bytes: Buffer): unknown {
  const text = sealedText(key, bytes);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sealedText(key: string, bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8', HASH_CHARACTERS + 1);
  return bytes.toString('latin1', 0, HASH_CHARACTERS + 1) === `${digestOf(key, text)}\n` ? text : undefined;
}

const digestOf = (key: string, text: string): string => sha256Hex(`${key}\n${text}`);
