export {
  ArtifactManager,
  type ArtifactVersion,
  type CollectOptions,
  type Inventory,
  type RecordOptions,
} from './artifact-manager.js';
export {
  ActionCache,
  type Candidate,
  type CollectReport,
  DURABILITY_LEVELS,
  type Durability,
  type Executed,
  type Execution,
  type LostVersion,
  NotKept,
  type Restored,
  type VerifyReport,
} from './cache/index.js';
export { type StaleVerdict, TaskChecker, type Verdict } from './check.js';
export { commandsOf, commandThatMade } from './commands-below.js';
export type { Difference } from './compare.js';
export { Content, type ContentId, ContentTable, contentNamed, nameOfContent } from './contents.js';
export { type CheckContext, currentEnvironmentKey } from './context.js';
export { type DeclaredPatterns, declaredPatterns } from './declared.js';
export { parseDepfile } from './depfile.js';
export { explain } from './explain.js';
export { FileThreads } from './file-threads.js';
export { type FileRow, FileTable } from './files.js';
export {
  applyDifference,
  decodeDifference,
  differenceOf,
  encodeDifference,
  type Fingerprint,
  fingerprintKey,
  fingerprintOf,
} from './fingerprint.js';
export { expandGlobs, type GlobOptions, isGlob, isLeftOut, pathMatcher } from './globs.js';
export { variableIn } from './keys.js';
export { describeReason, type Reason } from './reason.js';
export { entriesOf, Field, filesOf, foreignOutputs, ownOutputs, type TaskRecord } from './records.js';
export { FileScanner, type ScanOptions } from './scan.js';
export type { Start } from './start.js';
export { isChangedSince, type Made, type Success } from './success.js';
export { type ArtifactTables, afterLoad, artifactRegions, createArtifacts } from './tables.js';
export { plainOutputs, TaskFlag } from './task-files.js';
export { type TaskUsage, usageOf } from './usage.js';
