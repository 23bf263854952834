import type { Durability } from '../artifacts/index.js';
import type { Isolation } from '../store/isolation.js';

/** Options that every command understands. */
export interface GlobalOptions {
  /** Work as if started in this folder. */
  readonly directory?: string;
  readonly file?: string;
  /** The state directory. */
  readonly state?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly color: boolean;
}

export interface RunCommandOptions extends GlobalOptions {
  readonly jobs?: number;
  /** Failures after which nothing more is started; 0 for no such limit. */
  readonly keepGoing: number;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly cache: boolean;
  readonly durability?: Durability;
  readonly isolation?: Isolation;
  /** Wait for another process that writes the state. */
  readonly wait?: boolean;
  /** Only what failed, was blocked or stopped last time. */
  readonly failed?: boolean;
  /** Again what was attempted in this run and later ones. */
  readonly since?: number;
}

export interface HistoryCommandOptions extends GlobalOptions {
  readonly limit?: number;
  /** Only this run and newer ones. */
  readonly since?: number;
  readonly slowest?: boolean;
  readonly failing?: boolean;
  readonly flaky?: boolean;
  readonly regressions?: boolean;
}

export interface GcCommandOptions extends GlobalOptions {
  readonly dryRun?: boolean;
  /** Milliseconds. */
  readonly maxAge?: number;
  /** Bytes. */
  readonly maxSize?: number;
}

export interface RestoreCommandOptions extends GlobalOptions {
  /** The folder to restore to. */
  readonly into: string;
}

/** Of commands that write the state, and are no run. */
export interface WaitCommandOptions extends GlobalOptions {
  /** Wait for another process that writes the state. */
  readonly wait?: boolean;
}

export interface BackupCommandOptions extends GlobalOptions {
  /** Show the backups instead of making one. */
  readonly list?: boolean;
}

export interface ExportCommandOptions extends GlobalOptions {
  readonly format?: 'json' | 'toml';
  readonly history?: boolean;
}

export interface VerifyCommandOptions extends WaitCommandOptions {
  readonly repair?: boolean;
}

export interface WhyCommandOptions extends GlobalOptions {
  readonly chain?: boolean;
  /** Two runs. */
  readonly diff?: readonly string[];
}

export const GRAPH_FORMATS = ['order', 'dot', 'json'] as const;

export interface GraphCommandOptions extends GlobalOptions {
  readonly format: (typeof GRAPH_FORMATS)[number];
  readonly cycle?: boolean;
}
