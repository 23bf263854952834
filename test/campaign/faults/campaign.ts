import { mkdtempSync, rmSync } from 'node:fs';
import { type constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { aftermath } from './aftermath.js';
import { acknowledgedIn, eventsIn } from './events.js';
import { begin, commandOf, isIsolated, makeTemplate, SCENARIOS, type Scenario } from './scenarios.js';
import { type Call, type Ended, type Injection, Shim } from './shim.js';

/**
 * What may fail, and with what: as the manual pages have it; and EINTR for all, because a file system on a network or in a process (NFS, FUSE) may
 * say so where a disk never does.
 */
const FAILING: Readonly<Record<Call, readonly (keyof typeof constants.errno)[]>> = {
  open: ['EIO', 'EMFILE', 'ENOSPC', 'EDQUOT', 'EAGAIN', 'EINTR'],
  read: ['EIO', 'EINTR', 'EAGAIN'],
  write: ['EIO', 'ENOSPC', 'EDQUOT', 'EAGAIN', 'EINTR'],
  sync: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  rename: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  mkdir: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  unlink: ['EIO', 'EINTR'],
  link: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  truncate: ['EIO', 'ENOSPC', 'EINTR'],
  spawn: ['EAGAIN', 'ENOMEM', 'EMFILE', 'EIO', 'EINTR'],
};

export interface FaultsOptions {
  /** `fail`: calls fail; `kill`: the process is killed at one. */
  readonly what: 'fail' | 'kill';
  /** Every Nth call only (default 1), beginning at `offset`. */
  readonly stride: number;
  readonly offset: number;
  /** By it one of the errors is chosen with which a call may fail, in place of all. */
  readonly choice?: number;
  /** The name of a scenario; all if it is empty. */
  readonly only: string;
  /** Only this call; all if it is left out. */
  readonly call?: string | undefined;
  /** Only this error; all if it is left out. */
  readonly error?: string | undefined;
  /** Only the Nth call of each kind; `stride` and `offset` mean nothing then. */
  readonly nth?: number | undefined;
  readonly onRound?: (round: Round) => void;
}

/** One injection and what came of it. */
export interface Round {
  readonly scenario: string;
  readonly injection: Injection;
  /** One sentence each. */
  readonly findings: readonly string[];
  /** True if LMDB's own bug has ended the process, which is none of millrace's findings (docs/RELIABILITY.md). */
  readonly isAbort: boolean;
}

/**
 * In every scenario, every call of every kind fails once, or ends the process, until a run passes untouched. After each, a run without faults must
 * succeed and leave all right.
 */
export async function runFaults(options: FaultsOptions): Promise<Round[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-faults-'));
  try {
    const campaign = new Campaign(folder, options);
    for (const scenario of SCENARIOS.filter(({ name }) => options.only === '' || name === options.only))
      await campaign.play(scenario);
    return campaign.rounds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Campaign {
  readonly rounds: Round[] = [];
  readonly #folder: string;
  readonly #options: FaultsOptions;
  readonly #template: string;
  readonly #shim: Shim;

  constructor(folder: string, options: FaultsOptions) {
    this.#shim = Shim.build(folder);
    this.#folder = folder;
    this.#options = options;
    this.#template = join(folder, 'template');
    makeTemplate(this.#template);
  }

  async play(scenario: Scenario): Promise<void> {
    const { call: only } = this.#options;
    for (const call of (Object.keys(FAILING) as Call[]).filter((one) => (only ?? one) === one)) {
      for (const how of this.#hows(call)) await this.#playAll(scenario, call, how);
    }
  }

  #hows(call: Call): readonly Injection['how'][] {
    const { choice, error, what } = this.#options;
    if (what === 'kill') return ['kill'];
    const all = FAILING[call].filter((one) => (error ?? one) === one);
    return choice === undefined ? all : [all[choice % all.length]!];
  }

  async #playAll(scenario: Scenario, call: Call, how: Injection['how']): Promise<void> {
    const { nth: only, offset, stride } = this.#options;
    for (let nth = only ?? 1 + offset; ; nth += stride) {
      const isHit = await this.#playOne(scenario, { call, how, nth });
      if (!isHit || only !== undefined) return;
    }
  }

  /** False if there was no such call. */
  async #playOne(scenario: Scenario, injection: Injection): Promise<boolean> {
    const work = join(this.#folder, 'work');
    await begin(scenario, this.#template, work);
    const ended = await this.#shim.run(commandOf(scenario.args), work, injection);
    if (!ended.hit) {
      requireSuccess(scenario, ended);
      return false;
    }
    const isAbort = isLmdbsAbort(ended, scenario);
    const findings = [
      ...(injection.how === 'kill' || isAbort ? [] : judge(ended, scenario)),
      ...(await aftermath(scenario, work, ended, injection.how)),
    ];
    const round = { scenario: scenario.name, injection, findings, isAbort };
    this.rounds.push(round);
    this.#options.onRound?.(round);
    return true;
  }
}

/** What fails by itself would show nothing. */
function requireSuccess({ name }: Scenario, { exitCode, stderr }: Ended): void {
  if (exitCode !== 0) throw new Error(`Scenario "${name}" ends with ${exitCode} by itself: ${stderr}`);
}

/** lmdb writes past a buffer of its own when it says which page could not be written; what was committed stays. */
function isLmdbsAbort({ signal, stderr }: Ended, scenario: Scenario): boolean {
  return !isIsolated(scenario) && signal === 'SIGABRT' && stderr.includes('Write error: ');
}

/** The exit code says what has happened, and so does a sentence. */
function judge({ exitCode, hangs, signal, stderr, stdout }: Ended, scenario: Scenario): string[] {
  if (signal !== null || exitCode === null) return [`ended by ${signal}`];
  if (hangs) return ['a process in the background hangs'];
  if (exitCode > 3) return [`ended with ${exitCode}: ${stderr.slice(0, 1000)}`];
  if (/^\s+at .*:\d+:\d+/m.test(stderr)) return [`a stack was printed: ${stderr.slice(0, 1000)}`];
  if (/Unknown system error/.test(stdout + stderr))
    return [`an error is told by its number: ${(stdout + stderr).slice(0, 1000)}`];
  if (exitCode > 0 && !/^(millrace: |FAILED)/m.test(stderr) && !hasFailed(stdout))
    return [`ended with ${exitCode} and said nothing: ${stderr.slice(0, 500)}`];
  if (exitCode === 1 && isCutShort(scenario, stdout))
    return [`all was done, and the run did not come to its end: ${stderr.slice(0, 500)}`];
  return [];
}

/** True if a run has said that all that it had to do is on the disk, but not that it has finished. */
function isCutShort({ stale }: Scenario, stdout: string): boolean {
  const done = acknowledgedIn(stdout);
  const hasFinished = eventsIn(stdout).some(({ type }) => type === 'run-finished');
  return stale.length > 0 && stale.every((task) => done.has(task)) && !hasFinished;
}

const hasFailed = (stdout: string): boolean =>
  // What `verify` has found is its answer.
  /^millrace: .*(cannot be read|damaged)/m.test(stdout) ||
  eventsIn(stdout).some(({ outcome, type }) => type === 'task-finished' && outcome === 'failed');
