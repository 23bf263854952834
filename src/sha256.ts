import type * as Crypto from 'node:crypto';

/** `node:crypto`, once it was needed: it takes 3 ms to load, which a run does without if it finds all fresh by the files' times. */
let crypto: typeof Crypto | undefined;

/** The SHA-256 digest of bytes, or of a text in UTF-8: 32 bytes. */
export function sha256(data: Uint8Array | string): Buffer {
  return loaded().hash('sha256', data, 'buffer');
}

/** The same in lower-case hexadecimal: 64 characters. */
export function sha256Hex(data: Uint8Array | string): string {
  return loaded().hash('sha256', data);
}

/** Takes bytes by and by. */
export function sha256Hasher(): Crypto.Hash {
  return loaded().createHash('sha256');
}

function loaded(): typeof Crypto {
  crypto ??= process.getBuiltinModule('node:crypto');
  return crypto;
}
