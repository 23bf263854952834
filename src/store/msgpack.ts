import type * as Msgpackr from 'msgpackr';
import { requireWith } from './require.js';

/**
 * By require: lmdb loads the same copy of it. Without its native part, which takes 5 ms to load, a tenth of what a run
 * without work may take in all, and only speeds up the reading of long texts.
 */
export const { pack, unpack } = requireWith('msgpackr', {
  MSGPACKR_NATIVE_ACCELERATION_DISABLED: 'true',
}) as typeof Msgpackr;
