export { ActionCache, type Candidate, type Execution, type Restored } from './action-cache.js';
export type { CollectReport } from './collect.js';
export { DURABILITY_LEVELS, type Durability } from './durability.js';
export type { ActionEntry } from './entry.js';
export { NotKept } from './keep.js';
export type { Executed } from './own-files.js';
export type { LostVersion, VerifyReport } from './verify.js';
