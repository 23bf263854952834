import { sha256Hex } from '../../sha256.js';

/** Hexadecimal SHA-256. */
const HASH_CHARACTERS = 64;

/** A value as JSON behind a line with the digest of that. */
export function seal(value: unknown): Buffer {
  const text = JSON.stringify(value);
  return Buffer.from(`${sha256Hex(text)}\n${text}`);
}

/** True for bytes that `seal` gave. */
export function isSealed(bytes: Buffer): boolean {
  return sealedText(bytes) !== undefined;
}

/** The value; undefined if the bytes are not what `seal` gave. */
export function unseal(bytes: Buffer): unknown {
  const text = sealedText(bytes);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sealedText(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8', HASH_CHARACTERS + 1);
  return bytes.toString('latin1', 0, HASH_CHARACTERS + 1) === `${sha256Hex(text)}\n` ? text : undefined;
}
