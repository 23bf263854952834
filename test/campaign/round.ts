import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { randomFrom } from '../engine/lane-support.js';
import { type Chore, Chores } from './chores.js';
import { Editor } from './edits.js';
import { randomGraph } from './graph.js';
import type { Inspection } from './inspect.js';
import { collectGarbage, type Ending, type KillMoment, launch } from './launch.js';
import { Ledger } from './ledger.js';
import { Migrations } from './migrations.js';
import { killMarked, waitUntilGone } from './processes.js';
import { FORMATS, Project } from './project.js';
import { plainOptions, type RunOptions, randomOptions } from './run-options.js';

const INSPECT = fileURLToPath(new URL('./inspect.js', import.meta.url));

/** Milliseconds that a look at the state may take. */
const INSPECT_DEADLINE_MS = 60_000;

/** Milliseconds that children may live on after their run was killed. */
const ORPHAN_LIMIT_MS = 2000;

/** Is in the environment of a run and of all that it starts. */
type Mark = Readonly<Record<string, string>>;

/** Bytes that the store of the largest graph may take: several times what it does after one clean run. */
const STORE_LIMIT = 8 << 20;

const MAX_KILLS = 4;

/** About as many calls change files until the first task runs. */
const MAX_CALLS = 80;

/** Those of a migration, which has ended before anything is told: of the backup, the draft, and that this takes the store's place. */
const FIRST_OF_MIGRATION = 10;
const CALLS_OF_MIGRATION = 45;

/** How often the state becomes an older one between two runs. */
const OLDER = 0.4;

/** How often another command comes before a run. */
const CHORE = 0.5;

/** What may be in a state directory after a run, by its whole path there. */
const KNOWN_FILES = [
  /^store(\/(data|lock)\.mdb)?$/,
  /^(backups|exports)(\/20[^/]*Z\.(backup|json))?$/,
  /^log(\/millrace\.log)?$/,
  /^reserve$/,
  /^content(\/tmp|\/(actions|blobs|inputs)(\/..(\/[^/]+)?)?)?$/,
];

/** What a kill has torn of what is kept, and a later run has found. */
const SET_ASIDE = /^content\/quarantine(\/[^/]+)?$/;

/** What a recovery has moved there. */
const DAMAGED = /^store\.corrupt-20[^/]*(\/[^/]+)?$/;

/** All that may be found wrong. */
export const DEFECTS = ['lost', 'torn', 'stuck', 'orphan', 'ran-again', 'wrong-output', 'left-over'] as const;

export interface Finding {
  readonly defect: (typeof DEFECTS)[number];
  readonly message: string;
}

export interface RoundResult {
  readonly seed: number;
  readonly kills: number;
  /** Kills in the midst of a migration. */
  readonly migrations: number;
  /** Kills in the midst of other commands, and of a recovery. */
  readonly chores: Readonly<Record<Chore, number>>;
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
  private readonly migrations: Migrations;
  private readonly chores: Chores;
  private kills = 0;
  private launches = 0;
  private afterlife = 0;
  private mayBeTorn = false;

  /** @param folder exists and is empty */
  constructor(seed: number, folder: string) {
    this.seed = seed;
    this.random = randomFrom(seed);
    const format = FORMATS[this.upTo(2)]!;
    this.project = new Project(folder, randomGraph(this.random, format === 'build.ninja'), format);
    this.ledger = new Ledger(this.project.graph);
    this.migrations = new Migrations(this.project.stateDirectory);
    this.chores = new Chores(this.project.stateDirectory, this.startAlone, this.upTo);
    this.editor = new Editor(this.project, this.ledger, this.random);
  }

  async play(): Promise<RoundResult> {
    const attempts = 1 + this.upTo(MAX_KILLS);
    for (let attempt = 0; attempt < attempts && this.findings.length === 0; attempt++) {
      if (attempt > 0 && this.random() < 0.4) this.editor.edit();
      if (attempt > 0 && this.random() < CHORE) await this.doChore();
      if (attempt > 0 && this.random() < OLDER) await this.migrations.makeOlder();
      const options = randomOptions(this.upTo, this.ledger.runs);
      await this.launch(
        options,
        Array.from({ length: options.processes }, () => this.randomMoment()),
      );
    }
    this.editor.repair();
    if (this.findings.length === 0) await this.finish();
    return {
      seed: this.seed,
      kills: this.kills,
      migrations: this.migrations.interrupted,
      chores: this.chores.killed,
      acknowledged: this.ledger.acknowledged,
      afterlife: this.afterlife,
      storeBytes: this.storeBytes(),
      findings: this.findings,
    };
  }

  /** One of the other commands, killed; a state that is to be migrated refuses most of them. */
  private async doChore(): Promise<void> {
    if (this.migrations.isDue) return;
    const before = this.project.starts();
    const endings = await this.chores.doAny();
    for (const ending of endings) {
      this.ledger.hear(ending.events);
      if (ending.how === 'killed') this.kills++;
      else if (ending.how === 'stuck') this.find('stuck', `a command did not end: ${ending.stderr}`);
      else this.checkExit(ending);
    }
    const again = this.startedSince(before, [...this.ledger.mustNotRun]);
    if (again.length > 0) this.find('ran-again', again.join(', '));
    if (endings.length > 0) await this.checkState(this.ledger.mustBeCompleted);
  }

  /** Runs to the end, and once more, when nothing may run. */
  private async finish(): Promise<void> {
    const [last] = await this.launch(plainOptions(this.upTo), [undefined]);
    const { exitCode, stderr } = last!;
    if (exitCode !== 0) this.find('stuck', `the last run ended with ${exitCode}: ${stderr}`);
    const wrong = this.project.wrongOutputs();
    if (wrong.length > 0) this.find('wrong-output', wrong.join(', '));
    const before = this.project.starts();
    await this.launch(plainOptions(this.upTo), [undefined]);
    const again = this.startedSince(before, this.allTasks());
    if (again.length > 0) this.find('ran-again', `in a run with nothing to do: ${again.join(', ')}`);
    await this.checkState(this.allTasks());
    await collectGarbage(this.project.directory, this.project.stateDirectory);
    this.checkLeftOvers();
  }

  /** Starts runs at once, each of which is killed or not, and checks all that must hold at any time. */
  private async launch(options: RunOptions, kills: readonly (KillMoment | undefined)[]): Promise<Ending[]> {
    const { forces, isDry, tears } = options;
    this.mayBeTorn ||= tears;
    const mustNotRun = isDry ? this.allTasks() : forces ? [] : [...this.ledger.mustNotRun];
    const before = this.project.starts();
    this.migrations.begin();
    if (forces) this.ledger.forced();
    const marked = kills.map((kill) => ({ kill, mark: this.nextMark() }));
    const runs = await Promise.all(
      marked.map(async ({ kill, mark }) => ({
        mark,
        ending: await this.run(['run', ...options.args], mark, kill),
      })),
    );
    if (forces) this.ledger.undone(this.indexesOf(this.startedSince(before, this.allTasks())));
    for (const { ending } of runs) this.ledger.hear(ending.events);
    await Promise.all(runs.map(({ ending, mark }) => this.checkEnding(ending, mark, isDry)));
    this.migrations.end();
    if (runs.some(({ ending }) => ending.how !== 'exited'))
      await this.checkState(this.ledger.mustBeCompleted);
    const again = this.startedSince(before, mustNotRun);
    if (again.length > 0) this.find('ran-again', `${options.args.join(' ')}: ${again.join(', ')}`);
    return runs.map(({ ending }) => ending);
  }

  private run(words: readonly string[], mark: Mark, kill: KillMoment | undefined): Promise<Ending> {
    const { directory, stateDirectory } = this.project;
    return launch({ directory, stateDirectory, words, mark, kill });
  }

  /** Starts a command, and ends what it leaves. */
  private readonly startAlone = async (words: readonly string[], kill?: KillMoment): Promise<Ending> => {
    const mark = this.nextMark();
    const ending = await this.run(words, mark, kill);
    await endMarked(mark);
    return ending;
  };

  private nextMark(): Mark {
    return { MILLRACE_CAMPAIGN: `${process.pid}.${this.seed}.${++this.launches}` };
  }

  private async checkEnding(ending: Ending, mark: Mark, isDry: boolean): Promise<void> {
    if (ending.how === 'exited') {
      // What commands left behind is theirs.
      await endMarked(mark);
      // Who only reads a state that is to be migrated, or recovered, is refused it.
      if (!isDry || !(this.migrations.isDue || this.chores.mustRecover(ending))) this.checkExit(ending);
      return;
    }
    if (ending.how === 'killed') this.kills++;
    else this.find('stuck', `a run did not end: ${ending.stderr}`);
    if (isAtWork(ending)) await this.checkOrphans(mark);
    else await endMarked(mark);
  }

  private checkExit({ exitCode, stderr }: Ending): void {
    const mayFail = this.project.graph.sources.some(({ broken }) => broken);
    if (exitCode === 0 || (exitCode === 1 && mayFail)) return;
    this.find('stuck', `a run ended with ${exitCode}: ${stderr}`);
  }

  private async checkOrphans(mark: Mark): Promise<void> {
    const { orphans, after } = await waitUntilGone(mark, ORPHAN_LIMIT_MS);
    this.afterlife = Math.max(this.afterlife, after);
    if (orphans.length > 0) this.find('orphan', orphans.join(', '));
    await endMarked(mark);
  }

  private async checkState(mustBeCompleted: Iterable<string>): Promise<void> {
    try {
      const { stateDirectory } = this.project;
      const words =
        this.migrations.hasMade || this.chores.mayBeUnreadable
          ? [INSPECT, this.migrations.copy(), 'write']
          : [INSPECT, stateDirectory];
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
    const isKnown = (file: string) =>
      KNOWN_FILES.some((known) => known.test(file)) ||
      (this.mayBeTorn && SET_ASIDE.test(file)) ||
      (this.chores.hasDamaged && DAMAGED.test(file));
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
    const atCall = (count: number): KillMoment => ({ after: 'call', count, delay: 0 });
    if (this.migrations.isDue) return atCall(FIRST_OF_MIGRATION + this.upTo(CALLS_OF_MIGRATION));
    const moments: (() => KillMoment)[] = [
      () => atCall(1 + this.upTo(MAX_CALLS)),
      () => ({ after: 'start', count: 1, delay: this.upTo(500) }),
      () => ({ after: 'task-started', count: 1 + this.upTo(20), delay: this.upTo(30) }),
      () => ({ after: 'task-finished', count: 1 + this.upTo(80), delay: this.upTo(5) }),
      () => ({ after: 'committed', count: 1 + this.upTo(3), delay: this.upTo(120) }),
      () => ({ after: 'run-finished', count: 1, delay: this.upTo(40) }),
    ];
    return moments[this.upTo(moments.length)]!();
  }

  /** A whole number from 0 to below the limit. */
  private readonly upTo = (limit: number): number => Math.floor(this.random() * limit);

  private allTasks(): string[] {
    return this.project.graph.tasks.map(({ id }) => id);
  }

  private indexesOf(ids: readonly string[]): number[] {
    const all = this.allTasks();
    return ids.map((id) => all.indexOf(id));
  }

  private find(defect: Finding['defect'], message: string): void {
    this.findings.push({ defect, message: `launch ${this.launches}: ${message}` });
  }
}

/** Ends what is left of a run, a writer of its own, too: nobody else may change the state while it is looked at. */
async function endMarked(mark: Mark): Promise<void> {
  killMarked(mark);
  await waitUntilGone(mark, INSPECT_DEADLINE_MS);
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
