import type * as Msgpackr from 'msgpackr';
import { requireWith } from './require.js';

/**
 * By require: lmdb loads the same copy of it. Without its native part, which takes 5 ms to load, a tenth of what a run
 * without work may take in all, and only speeds up the reading of long texts.
 */
const msgpackr = requireWith('msgpackr', {
  MSGPACKR_NATIVE_ACCELERATION_DISABLED: 'true',
}) as typeof Msgpackr;

export const { pack, unpack } = msgpackr;

/** As `unpack`, for what may have any keys, such as names of variables: that gives the key `__proto__` as `__proto_`. */
export function unpackAnyKeys(packed: Buffer): unknown {
  if (!packed.includes('__proto__')) return unpack(packed);
  return asObjects(new msgpackr.Unpackr({ useRecords: false, mapsAsObjects: false }).unpack(packed));
}

function asObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asObjects);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries(Array.from(value, ([key, item]) => [key, asObjects(item)]));
}
