import { crc32 } from 'node:zlib';
import { StateCorrupt, StateTooNew } from '../errors.js';
import { SCHEMA_VERSION } from './envelope.js';

/** The first schema that says which system it was written on. */
const SYSTEM_SINCE = 4;
const HEAD_BYTES = 8;
const CHECK_BYTES = 4;

/** What is known of files and results is true where they were made: on one operating system and one kind of processor. */
export const OWN_SYSTEM = `${process.platform}-${process.arch}`;

/**
 * What a store of ours begins with: the schema version (uint32), its complement in place of a checksum, which a later version may
 * make in another way; then CRC-32 and name of the system.
 */
export function packStamp(schema = SCHEMA_VERSION, system = OWN_SYSTEM): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(schema, 0);
  head.writeUInt32LE(~schema >>> 0, 4);
  if (schema < SYSTEM_SINCE) return head;
  const check = Buffer.alloc(CHECK_BYTES);
  check.writeUInt32LE(crc32(system), 0);
  return Buffer.concat([head, check, Buffer.from(system)]);
}

/** The schema version that a stamp says. @throws StateTooNew; StateCorrupt if no version of ours has written it, or one on another system */
export function readStamp(directory: string, bytes: Buffer): number {
  const schema = bytes.length < HEAD_BYTES ? 0 : bytes.readUInt32LE(0);
  const isNumber = schema !== 0 && bytes.readUInt32LE(4) === ~schema >>> 0;
  if (isNumber && schema > SCHEMA_VERSION) throw new StateTooNew(directory, schema, SCHEMA_VERSION);
  const system = schema < SYSTEM_SINCE ? undefined : bytes.toString('utf8', HEAD_BYTES + CHECK_BYTES);
  if (!isNumber || !packStamp(schema, system).equals(bytes))
    throw new StateCorrupt(directory, 'the schema version is damaged');
  if (system !== undefined && system !== OWN_SYSTEM)
    throw new StateCorrupt(directory, `it was written on ${system}, and this is ${OWN_SYSTEM}`);
  return schema;
}
