import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { randomFrom } from '../engine/lane-support.js';
import { Editor } from './edits.js';
import { randomGraph } from './graph.js';
import type { Inspection } from './inspect.js';
import { type Ending, type KillMoment, launch } from './launch.js';
import { Ledger } from './ledger.js';
import { killMarked, waitUntilGone } from './processes.js';
import { FORMATS, Project } from './project.js';

const INSPECT = fileURLToPath(new URL('./inspect.js', import.meta.url));

/** Milliseconds that a look at the state may take. */
const INSPECT_DEADLINE_MS = 60_000;

/** Milliseconds that children may live on after their run was killed. */
const ORPHAN_LIMIT_MS = 2000;

/** Bytes that the store of the largest graph may take: several times what it does after one clean run. */
const STORE_LIMIT = 8 << 20;

const MAX_KILLS = 4;

/** What may be in a state directory after a run, by its whole path there. */
const KNOWN_FILES = [
  /^store(\/(data|lock)\.mdb)?$/,
  /^backups(\/20[^/]*Z\.backup)?$/,
  /^log(\/millrace\.log)?$/,
  /^reserve$/,
  /^content(\/tmp|\/(actions|blobs|inputs)(\/..(\/[^/]+)?)?)?$/,
];

/** All that may be found wrong. */
export const DEFECTS = ['lost', 'torn', 'stuck', 'orphan', 'ran-again', 'wrong-output', 'left-over'] as const;

export interface Finding {
  readonly defect: (typeof DEFECTS)[number];
  readonly message: string;
}

export interface RoundResult {
  readonly seed: number;
  readonly kills: number;
  /** Results that were acknowledged by a commit. */
  readonly acknowledged: number;
  /** The most milliseconds that children lived on after a kill. */
  readonly afterlife: number;
  /** Bytes of the store at the end. */
  readonly storeBytes: number;
  readonly findings: readonly Finding[];
}

/**
 * One round: a random project is run and killed again and again, at times edited in between, and at last run to the end. After
 * each run, others look at what is left: at the state, at the processes, and at what was started.
 */
export class Round {
  private readonly seed: number;
  private readonly random: () => number;
  private readonly project: Project;
  private readonly ledger: Ledger;
  private readonly editor: Editor;
  private readonly findings: Finding[] = [];
  private kills = 0;
  private launches = 0;
  private afterlife = 0;

  /** @param folder exists and is empty */
  constructor(seed: number, folder: string) {
    this.seed = seed;
    this.random = randomFrom(seed);
    const format = FORMATS[this.upTo(2)]!;
    this.project = new Project(folder, randomGraph(this.random, format === 'build.ninja'), format);
    this.ledger = new Ledger(this.project.graph);
    this.editor = new Editor(this.project, this.ledger, this.random);
  }

  async play(): Promise<RoundResult> {
    const attempts = 1 + this.upTo(MAX_KILLS);
    for (let attempt = 0; attempt < attempts && this.findings.length === 0; attempt++) {
      if (attempt > 0 && this.random() < 0.4) this.editor.edit();
      await this.launch(this.randomMoment());
    }
    this.editor.repair();
    if (this.findings.length === 0) await this.finish();
    return {
      seed: this.seed,
      kills: this.kills,
      acknowledged: this.ledger.acknowledged,
      afterlife: this.afterlife,
      storeBytes: this.storeBytes(),
      findings: this.findings,
    };
  }

  /** Runs to the end, and once more, when nothing may run. */
  private async finish(): Promise<void> {
    const { exitCode, stderr } = await this.launch();
    if (exitCode !== 0) this.find('stuck', `the last run ended with ${exitCode}: ${stderr}`);
    const wrong = this.project.wrongOutputs();
    if (wrong.length > 0) this.find('wrong-output', wrong.join(', '));
    const before = this.project.starts();
    await this.launch();
    const again = this.startedSince(
      before,
      this.project.graph.tasks.map(({ id }) => id),
    );
    if (again.length > 0) this.find('ran-again', `in a run with nothing to do: ${again.join(', ')}`);
    await this.checkState(this.project.graph.tasks.map(({ id }) => id));
    this.checkLeftOvers();
  }

  /** Runs with random options, is killed or not, and checks all that must hold at any time. */
  private async launch(kill?: KillMoment): Promise<Ending> {
    const mark = { MILLRACE_CAMPAIGN: `${process.pid}.${this.seed}.${++this.launches}` };
    const mustNotRun = [...this.ledger.mustNotRun];
    const before = this.project.starts();
    const { directory, stateDirectory } = this.project;
    const isolation = this.upTo(3) === 0 ? 'process' : 'none';
    const args = [`-j${1 + this.upTo(4)}`, `-k${this.upTo(3)}`, '--isolation', isolation];
    const ending = await launch({ directory, stateDirectory, args, mark, ...(kill && { kill }) });
    this.ledger.hear(ending.events);
    if (ending.how === 'exited') {
      // What commands left behind is theirs.
      killMarked(mark);
      this.checkExit(ending);
    } else {
      if (ending.how === 'killed') this.kills++;
      else this.find('stuck', `a run did not end: ${ending.stderr}`);
      await Promise.all([
        isAtWork(ending) ? this.checkOrphans(mark) : killMarked(mark),
        this.checkState(this.ledger.mustBeCompleted),
      ]);
    }
    const again = this.startedSince(before, mustNotRun);
    if (again.length > 0) this.find('ran-again', again.join(', '));
    return ending;
  }

  private checkExit({ exitCode, stderr }: Ending): void {
    const mayFail = this.project.graph.sources.some(({ broken }) => broken);
    if (exitCode === 0 || (exitCode === 1 && mayFail)) return;
    this.find('stuck', `a run ended with ${exitCode}: ${stderr}`);
  }

  private async checkOrphans(mark: Readonly<Record<string, string>>): Promise<void> {
    const { orphans, after } = await waitUntilGone(mark, ORPHAN_LIMIT_MS);
    this.afterlife = Math.max(this.afterlife, after);
    if (orphans.length > 0) this.find('orphan', orphans.join(', '));
    killMarked(mark);
  }

  private async checkState(mustBeCompleted: Iterable<string>): Promise<void> {
    try {
      const words = [INSPECT, this.project.stateDirectory];
      const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: INSPECT_DEADLINE_MS });
      const { problems, completed } = JSON.parse(stdout) as Inspection;
      if (problems.length > 0) this.find('torn', problems.join(' '));
      const known = new Set(completed);
      const lost = [...mustBeCompleted].filter((id) => !known.has(id));
      if (lost.length > 0) this.find('lost', lost.join(', '));
    } catch (error) {
      this.find('torn', `the state could not be read: ${(error as Error).message}`);
    }
  }

  private checkLeftOvers(): void {
    const { stateDirectory } = this.project;
    const files = readdirSync(stateDirectory, { recursive: true }).map(String).sort();
    const isKnown = (file: string) => KNOWN_FILES.some((known) => known.test(file));
    const unknown = files.filter((file) => !isKnown(file));
    const damaged = unknown.filter((file) => file.startsWith('store.corrupt'));
    if (damaged.length > 0) this.find('torn', `it was moved aside: ${damaged.join(', ')}`);
    else if (unknown.length > 0) this.find('left-over', unknown.join(', '));
    if (this.storeBytes() > STORE_LIMIT) this.find('left-over', `the store takes ${this.storeBytes()} bytes`);
  }

  private storeBytes(): number {
    const path = join(this.project.stateDirectory, 'store/data.mdb');
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  private startedSince(before: ReadonlyMap<string, number>, ids: readonly string[]): string[] {
    const now = this.project.starts();
    return ids.filter((id) => (now.get(id) ?? 0) > (before.get(id) ?? 0));
  }

  /** Often very early: while the state is opened, while the tasks are read, at the first commit. */
  private randomMoment(): KillMoment {
    const moments: (() => KillMoment)[] = [
      () => ({ after: 'start', count: 1, delay: this.upTo(500) }),
      () => ({ after: 'task-started', count: 1 + this.upTo(20), delay: this.upTo(30) }),
      () => ({ after: 'task-finished', count: 1 + this.upTo(80), delay: this.upTo(5) }),
      () => ({ after: 'committed', count: 1 + this.upTo(3), delay: this.upTo(120) }),
    ];
    return moments[this.upTo(moments.length)]!();
  }

  /** A whole number from 0 to below the limit. */
  private upTo(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private find(defect: Finding['defect'], message: string): void {
    this.findings.push({ defect, message: `launch ${this.launches}: ${message}` });
  }
}

/** False if no command was under way: the run may have ended, and then it lets go of what commands left behind. */
function isAtWork({ events }: Ending): boolean {
  const running = new Set<string>();
  for (const event of events) {
    if (event.type === 'task-started') running.add(event.task);
    else if (event.type === 'task-finished') running.delete(event.task);
  }
  return running.size > 0;
}
