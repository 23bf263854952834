/// <reference types="node" preserve="true" />
/**
 * The state of a build, the engine that runs it, and all errors: `millrace`.
 * @module millrace
 */

export type {
  ArtifactManager,
  ArtifactVersion,
  CollectOptions,
  Inventory,
  RecordOptions,
} from './artifacts/artifact-manager.js';
export type {
  CollectReport,
  Durability,
  LostVersion,
  VerifyReport as ArtifactsReport,
} from './artifacts/cache/index.js';
export { describeReason, type Reason } from './artifacts/reason.js';
export type { TaskUsage } from './artifacts/usage.js';
export { BuildEngine } from './engine/engine.js';
export type { BuildEvent, RunSummary, Stamp as EventStamp, TaskFinished } from './engine/events.js';
export type { FunctionContext } from './engine/function/context.js';
export type { EngineOptions, ProjectOptions, RunOptions } from './engine/options.js';
export { openProject, type Project } from './engine/project.js';
export * from './errors.js';
export type { CriticalPath, DependencyGraph, Reach } from './graph/dependency-graph.js';
export type { BackupOptions, ManifestInfo } from './manifest/manifest.js';
export type { MarkedProcess } from './marked-processes.js';
export type { StatusCounts } from './memory/counters.js';
export type { WakeReason } from './memory/parking.js';
export type { OpenOptions } from './open-options.js';
export {
  type AttachedState,
  attachState,
  type BuildState,
  openState,
  type ShareOptions,
  type StateHandle,
} from './state.js';
export {
  type BackupHealth,
  type BackupInfo,
  backupsOf,
  type DocumentSource,
  type ExportInfo,
  type ExportOptions,
  exportState,
  type ImportReport,
  importState,
  type Misplaced,
  type Replaced,
  type RestoreReport,
  restoreState,
  type StateHealth,
  type VerifiedState,
  verifyState,
  type Waiting,
} from './state-files.js';
export type { Retention } from './store/backup/retention.js';
export type {
  Attempt,
  AttemptRecord,
  AttemptsQuery,
  BuildHistory,
  RunEnd,
  RunId,
  RunRecord,
  RunStart,
} from './store/history/history.js';
export type { Ranking, StatisticsOptions, TaskStatistics } from './store/history/statistics.js';
export type { Isolation } from './store/isolation.js';
export type { Recovery } from './store/open.js';
export type { VerifyReport } from './store/verify.js';
export {
  type FunctionCall,
  MAX_ID_BYTES,
  OUTCOMES,
  type Outcome,
  type Row,
  STATUS_NAMES,
  type TaskDefinition,
  type TaskId,
  type TaskState,
  TaskStatus,
} from './task.js';
export type { TaskDetails } from './tasks/details.js';
export type { AttemptResult, ClaimedAttempt } from './tasks/lifecycle.js';
export type { TaskFilter, TaskPage, WaitOptions } from './tasks/options.js';
export type { TaskSnapshot } from './tasks/snapshot.js';
export type { Subscribed, UpdatesFilter } from './tasks/subscribe.js';
export type { TaskEvent, TaskGap, TaskUpdate } from './tasks/subscription.js';
export type { SyncSummary } from './tasks/sync.js';
export type { TaskManager } from './tasks/task-manager.js';
export type { ChangeOf, TaskAction, TaskChange } from './tasks/update.js';
export { ThreadsRefused } from './thread.js';
