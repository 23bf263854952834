import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  begin,
  isIsolated,
  leftovers,
  MAIN,
  makeTemplate,
  SCENARIOS,
  type Scenario,
  wrongOutputs,
} from './scenarios.js';
import { type Call, type Ended, type Injection, Shim } from './shim.js';

/** What may fail, and with what. */
const FAILING: Readonly<Record<Call, readonly (keyof typeof constants.errno)[]>> = {
  open: ['EIO', 'EMFILE', 'ENOSPC'],
  read: ['EIO', 'EINTR'],
  write: ['EIO', 'ENOSPC', 'EAGAIN'],
  sync: ['EIO', 'ENOSPC'],
  rename: ['EIO', 'ENOSPC'],
  mkdir: ['EIO', 'ENOSPC'],
  unlink: ['EIO'],
  link: ['EIO', 'ENOSPC'],
  truncate: ['EIO', 'ENOSPC'],
  spawn: ['EAGAIN', 'ENOMEM'],
};

export interface FaultsOptions {
  /** `fail`: calls fail; `kill`: the process is killed at one. */
  readonly what: 'fail' | 'kill';
  /** Every Nth call only (default 1), beginning at `offset`. */
  readonly stride: number;
  readonly offset: number;
  /** True: one of the errors that a call may fail with, in place of all. */
  readonly brief?: boolean;
  /** The name of a scenario; all if it is empty. */
  readonly only: string;
  /** Only this call; all if it is left out. */
  readonly call?: string | undefined;
  readonly onRound?: (round: Round) => void;
}

/** One injection and what came of it. */
export interface Round {
  readonly scenario: string;
  readonly injection: Injection;
  /** One sentence each. */
  readonly findings: readonly string[];
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
      const hows = this.#options.what === 'kill' ? (['kill'] as const) : FAILING[call];
      for (const how of this.#options.brief === true ? hows.slice(0, 1) : hows)
        await this.#playAll(scenario, call, how);
    }
  }

  async #playAll(scenario: Scenario, call: Call, how: Injection['how']): Promise<void> {
    const { offset, stride } = this.#options;
    for (let nth = 1 + offset; ; nth += stride) {
      const injection = { call, how, nth };
      const folder = this.#fresh(scenario);
      const ended = await this.#shim.run(this.#command(scenario), folder, injection);
      if (!ended.hit) return;
      const findings = [
        ...(how === 'kill' ? [] : judge(ended, isIsolated(scenario))),
        ...this.#aftermath(folder, ended),
      ];
      const round = { scenario: scenario.name, injection, findings };
      this.rounds.push(round);
      this.#options.onRound?.(round);
    }
  }

  #command({ args }: Scenario): string[] {
    return [process.execPath, MAIN, ...args];
  }

  #fresh(scenario: Scenario): string {
    const work = join(this.#folder, 'work');
    begin(scenario, this.#template, work);
    return work;
  }

  /** What a run without faults finds. */
  #aftermath(folder: string, ended: Ended): string[] {
    const next = spawnSync(process.execPath, [MAIN, 'run', '--json'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (next.status !== 0)
      return [`the next run ended with ${next.status ?? next.signal}: ${next.stderr.slice(0, 500)}`];
    const again = [...finishedIn(next.stdout)].filter((task) => acknowledged(ended.stdout).has(task));
    const third = spawnSync(process.execPath, [MAIN, 'run', '--json'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    const unsettled = finishedIn(third.stdout);
    return [
      ...again.map((task) => `${task} was acknowledged, and ran again`),
      ...[...unsettled].map((task) => `${task} is not fresh after a run`),
      ...wrongOutputs(folder),
      ...leftovers(folder),
    ];
  }
}

/** The exit code says what has happened, and so does a sentence. */
function judge({ exitCode, signal, stderr, stdout }: Ended, isIsolated: boolean): string[] {
  // lmdb writes past a buffer of its own when it says which page could not be written; what was committed stays.
  if (!isIsolated && signal === 'SIGABRT' && stderr.includes('Write error: ')) return [];
  if (signal !== null || exitCode === null) return [`ended by ${signal}`];
  if (exitCode > 3) return [`ended with ${exitCode}: ${stderr.slice(0, 1000)}`];
  if (/^\s+at .*(src|bundle)\//m.test(stderr)) return [`a stack was printed: ${stderr.slice(0, 1000)}`];
  if (exitCode > 0 && !/^(millrace: |FAILED)/m.test(stderr) && !hasFailed(stdout))
    return [`ended with ${exitCode} and said nothing: ${stderr.slice(0, 500)}`];
  return [];
}

const hasFailed = (stdout: string): boolean =>
  eventsIn(stdout).some(({ outcome, type }) => type === 'task-finished' && outcome === 'failed');

interface Event {
  readonly seq: number;
  readonly type: string;
  readonly task?: string;
  readonly outcome?: string;
  readonly through?: number;
}

function eventsIn(stdout: string): Event[] {
  return stdout.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Event];
    } catch {
      return [];
    }
  });
}

/** Tasks that have succeeded and were said to be on the disk. */
function acknowledged(stdout: string): Set<string> {
  const events = eventsIn(stdout);
  const through = Math.max(0, ...events.map((event) => (event.type === 'committed' ? event.through! : 0)));
  const done = events.filter(
    ({ outcome, seq, type }) =>
      type === 'task-finished' && seq <= through && /^(executed|cached)$/.test(outcome!),
  );
  return new Set(done.map(({ task }) => task!));
}

function finishedIn(stdout: string): Set<string> {
  return new Set(eventsIn(stdout).flatMap(({ task, type }) => (type === 'task-finished' ? [task!] : [])));
}
