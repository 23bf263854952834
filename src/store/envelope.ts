import { crc32 } from 'node:zlib';
import type { Key } from './database.js';

/** The version of everything that is stored: raise it with every change of what a value means. */
export const SCHEMA_VERSION = 4;

/** The head of every value: checksum (uint32), length of the payload (uint32); the payload starts aligned to 8 bytes. */
export const HEAD_BYTES = 8;

/** The checksum covers key and schema version, too: a value that turns up in another place is no value. */
function checksum(key: Key, payload: Uint8Array, schema: number): number {
  return crc32(payload, crc32(`${schema}\0${key.join('\0')}`));
}

/** Writes the head of a value whose payload stands behind it already. */
export function seal(key: Key, value: Buffer, schema = SCHEMA_VERSION): void {
  const payload = value.subarray(HEAD_BYTES);
  value.writeUInt32LE(checksum(key, payload, schema), 0);
  value.writeUInt32LE(payload.length, 4);
}

/** A copy of a payload, with its head. */
export function sealed(key: Key, payload: Uint8Array, schema = SCHEMA_VERSION): Buffer {
  const value = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  value.set(payload, HEAD_BYTES);
  seal(key, value, schema);
  return value;
}

/** The payload of a value, without a copy; undefined if it is damaged. @param schema with which it was sealed */
export function unseal(key: Key, value: Buffer, schema = SCHEMA_VERSION): Buffer | undefined {
  if (value.length < HEAD_BYTES || value.readUInt32LE(4) !== value.length - HEAD_BYTES) return undefined;
  const payload = value.subarray(HEAD_BYTES);
  return checksum(key, payload, schema) === value.readUInt32LE(0) ? payload : undefined;
}
