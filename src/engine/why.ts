import {
  type CheckContext,
  type Difference,
  explain,
  FileScanner,
  type Reason,
  TaskFlag,
} from '../artifacts/index.js';
import { reach } from '../graph/dependency-graph.js';
import { type BuildState, partsOf } from '../state.js';
import type { Attempt, RunId, RunRecord } from '../store/history/history.js';
import { type Outcome, type Row, type TaskId, type TaskState, TaskStatus } from '../task.js';
import { unpackDetails } from '../tasks/details.js';
import {
  changedNames,
  type Digests,
  definitionDigests,
  environmentDigests,
  environmentRecord,
} from './digests.js';
import { PastRuns } from './past-runs.js';
import type { Project } from './project.js';
import { SeenByTask, type SeenDifference } from './seen.js';
import { excludedFolders } from './state-folder.js';

/** What the last run that was about a task did with it. */
export interface LastRun {
  readonly run: RunId;
  /** Of the attempt, or of the run if there was none. Milliseconds since the epoch. */
  readonly start: number;
  /** `running`: by another process; `not-started`: its turn did not come. */
  readonly outcome: Outcome | 'running' | 'not-started';
  /** Milliseconds; undefined if there was no attempt. */
  readonly duration?: number;
  readonly exitCode?: number;
  readonly signal?: string;
  /** Why it failed, if the output does not say it. */
  readonly message?: string;
  /** Why it was not fresh, if there was an attempt. */
  readonly reason?: Reason | string;
  /** All that it saw otherwise than the success before it; undefined if there was none, or what that saw is not known any more. */
  readonly differences?: readonly SeenDifference[];
}

/** What the next run would do with a task. */
export interface NextRun {
  /** `undecided`: it is fresh unless what it needs, which is not, comes out changed. */
  readonly verdict: 'fresh' | 'stale' | 'undecided';
  /** All of them, what weighs most first. */
  readonly differences: readonly Difference[];
  /** A task that it needs and that would run before it. */
  readonly dependency?: TaskId;
}

/** Why a task did not come about: another one failed, or it did itself. */
export type Trouble =
  | { readonly kind: 'blocked'; readonly task: TaskId }
  | ({ readonly kind: 'failed' } & Pick<Attempt, 'outcome' | 'exitCode' | 'signal' | 'message'>);

/** A task on the way to the cause, and why it would run, or did. */
export interface Link {
  readonly task: TaskId;
  /** The run in which it was executed or restored; undefined if it is stale now. */
  readonly run?: RunId;
  readonly cause?: Difference | Reason | Trouble | string;
}

export interface Explanation {
  readonly task: TaskId;
  /** Undefined for a task without a command, and if no run was about it. */
  readonly last: LastRun | undefined;
  readonly next: NextRun;
  /** From the task to what caused all; if it was asked for. */
  readonly chain?: readonly Link[];
}

export interface ExplainOptions {
  /** Also follow the cause through the tasks that it came by (default false). */
  readonly chain?: boolean | undefined;
  /** Called with what a dry run warns of. */
  readonly onWarning: (message: string, task?: TaskId) => void;
}

/**
 * Explains what the last run did with a task, and what the next one would. Changes nothing on disk. O(what the task needs),
 * and O(attempts of the last run).
 */
export async function explainTask(
  project: Project,
  task: TaskId,
  { chain = false, onWarning }: ExplainOptions,
): Promise<Explanation> {
  const planned = await plan(project, task, onWarning);
  return new Explainer(project, planned).explain(task, chain);
}

/** The tasks that would run, with the reasons. */
async function plan(
  project: Project,
  task: TaskId,
  onWarning: (message: string, task?: TaskId) => void,
): Promise<Map<TaskId, Reason>> {
  const planned = new Map<TaskId, Reason>();
  await project.run({
    targets: [task],
    dryRun: true,
    onEvent(event) {
      if (event.type === 'task-planned') planned.set(event.task, event.reason);
      else if (event.type === 'warning') onWarning(event.message, event.task);
    },
  });
  return planned;
}

class Explainer {
  private readonly state: BuildState;
  private readonly planned: ReadonlyMap<TaskId, Reason>;
  private readonly context: CheckContext;
  private readonly past: PastRuns;
  /** The task that was asked for, and what needs it; found out when it is needed. */
  private above: ReadonlySet<number> | undefined;

  constructor({ state, manifest }: Project, planned: ReadonlyMap<TaskId, Reason>) {
    const { table, artifacts } = partsOf(state);
    const { root } = manifest;
    this.state = state;
    this.planned = planned;
    this.past = new PastRuns(state.history);
    this.context = {
      table,
      artifacts,
      scanner: new FileScanner(artifacts.files, artifacts.contents, { root }),
      root,
      exclude: excludedFolders(state, root),
      environment: process.env,
    };
  }

  explain(task: TaskId, withChain: boolean): Explanation {
    const last = this.lastRun(task);
    const next = this.nextRun(task);
    if (!withChain) return { task, last, next };
    const isFresh = next.verdict === 'fresh';
    const start: Link | undefined = isFresh ? this.renewedIn(last?.run, task) : { task };
    return { task, last, next, chain: start === undefined ? [] : this.chainFrom(start, next) };
  }

  private lastRun(task: TaskId): LastRun | undefined {
    const row = this.state.tasks.rowOf(task);
    if (!this.hasCommand(row)) return undefined;
    for (const record of this.past.newestFirst()) {
      const unfinished = this.unfinished(record, row);
      if (unfinished !== undefined) return { run: record.run, start: record.start, outcome: unfinished };
      const attempt = this.past.attemptIn(record.run, task);
      if (attempt !== undefined) {
        const { task: _, ...last } = attempt;
        const differences = this.seenOtherwise(task, record.run);
        return { ...last, ...(differences === undefined ? {} : { differences }) };
      }
      const outcome = this.outcomeWithoutAttempt(record, row);
      if (outcome !== undefined) return { run: record.run, start: record.start, outcome };
    }
    return undefined;
  }

  /** What the last attempt of a run saw otherwise than the success before it. */
  private seenOtherwise(task: TaskId, run: RunId): SeenDifference[] | undefined {
    const seen = new SeenByTask(this.state, task);
    for (const attempt of seen.attempts()) {
      if (attempt.run > run) continue;
      const { before, index, print } = attempt;
      if (attempt.run < run || before === undefined || print === undefined) return undefined;
      return seen.compare(before, print, () => [seen.successBefore(index), seen.definitionAt(index)]);
    }
    return undefined;
  }

  /** Of an attempt that has not ended, or will never: the history has none of it. */
  private unfinished(record: RunRecord, row: Row): 'running' | 'interrupted' | undefined {
    const { status, outcome } = partsOf(this.state).table.read(row)!;
    if (record.result === 'running' && status === TaskStatus.InProgress) return 'running';
    const wasInterrupted = status === TaskStatus.Pending && outcome === 'interrupted';
    if (record.result !== 'interrupted' || !wasInterrupted) return undefined;
    return this.isAbout(record, row) ? 'interrupted' : undefined;
  }

  /** What became of a task in a run without an attempt at it; undefined if the run was not about it. */
  private outcomeWithoutAttempt(record: RunRecord, row: Row): LastRun['outcome'] | undefined {
    const { table, artifacts } = partsOf(this.state);
    if (!this.isAbout(record, row)) return undefined;
    // Without a success on record it was not there yet: it would have been executed.
    if (record.result === 'succeeded') return artifacts.records.has(row) ? 'fresh' : undefined;
    const word = table.read(row)!;
    if (word.status === TaskStatus.Completed) return 'fresh';
    return word.outcome === 'blocked' ? 'blocked' : 'not-started';
  }

  /** By the graph as it is now. */
  private isAbout({ targets }: RunRecord, row: Row): boolean {
    const { names, dependents } = partsOf(this.state).table;
    if (targets.length === 0 || targets.includes(names.nameOf(row))) return true;
    this.above ??= reach(dependents, [row]);
    return targets.some((target) => this.above!.has(names.find(target)));
  }

  private nextRun(task: TaskId): NextRun {
    const differences = this.differencesOf(task);
    const dependency = this.dependencyOf(task);
    const isSure = differences.some((difference) => !this.mayBeUndone(difference));
    const isStale = isSure || (this.planned.has(task) && dependency === undefined);
    const verdict = isStale ? 'stale' : dependency === undefined ? 'fresh' : 'undecided';
    return { verdict, differences, ...(dependency === undefined ? {} : { dependency }) };
  }

  /** An input is not as it was, but who makes it is about to make it anew. */
  private mayBeUndone(difference: Difference): boolean {
    return (
      'producer' in difference && difference.producer !== undefined && this.planned.has(difference.producer)
    );
  }

  private differencesOf(task: TaskId): Difference[] {
    const row = this.state.tasks.rowOf(task);
    if (!this.hasCommand(row)) return [];
    return explain(this.context, row).map((difference) => {
      if (difference.kind === 'environment-changed') return this.withVariables(row);
      return difference.kind === 'command-changed' ? this.withParts(task, row) : difference;
    });
  }

  /** The definition is another: names what of it, if the history knows. */
  private withParts(task: TaskId, row: Row): Difference {
    const before = new SeenByTask(this.state, task).successBefore(-1);
    const now = definitionDigests(unpackDetails(partsOf(this.state).table.details, row));
    const parts = before && now && changedNames(before, now);
    return { kind: 'command-changed', ...(parts === undefined ? {} : { parts }) };
  }

  /** The environment is another: names what of it, if the history knows. */
  private withVariables(row: Row): Difference {
    const { artifacts, getNamed } = partsOf(this.state);
    const key = artifacts.records.read(row)!.environmentKey;
    const before = getNamed(environmentRecord(key)) as Digests | undefined;
    const variables = before && changedNames(before, environmentDigests(this.context, row) ?? {});
    return { kind: 'environment-changed', ...(variables === undefined ? {} : { variables }) };
  }

  /** The task below this one for which a plan takes it for stale. */
  private dependencyOf(task: TaskId): TaskId | undefined {
    if (!this.hasCommand(this.state.tasks.rowOf(task))) return this.plannedAt(task);
    const reason = this.planned.get(task);
    return reason?.kind === 'dependency' ? this.plannedAt(reason.task) : undefined;
  }

  /** The task itself if it would run; if it has no command, the first such task that it groups. */
  private plannedAt(task: TaskId): TaskId | undefined {
    const { graph, tasks } = this.state;
    const seen = new Set([task]);
    for (const id of seen) {
      if (this.planned.has(id)) return id;
      if (!this.hasCommand(tasks.rowOf(id))) for (const below of graph.dependenciesOf(id)) seen.add(below);
    }
    return undefined;
  }

  private chainFrom(start: Link, next: NextRun): Link[] {
    const chain: Link[] = [];
    const seen = new Set<TaskId>();
    // What a depfile names may have been made by any task, so nothing rules out a circle for good.
    for (let link: Link | undefined = start; link !== undefined && !seen.has(link.task); ) {
      seen.add(link.task);
      if (link.cause !== undefined) return [...chain, link];
      const known: NextRun = link === start ? next : this.nextRun(link.task);
      const [cause, following]: Step =
        link.run === undefined ? this.staleStep(link.task, known) : this.pastStep(link.task, link.run);
      chain.push({ ...link, ...(cause === undefined ? {} : { cause }) });
      link = following;
    }
    return chain;
  }

  /** Of what differs, rather what another task that is stale makes, then what one has made since, then the first. */
  private staleStep(task: TaskId, { differences, dependency }: NextRun): Step {
    const blocker = this.blockerOf(task);
    if (blocker !== undefined) return [{ kind: 'blocked', task: blocker }, this.failureOf(blocker)];
    for (const difference of differences) {
      const producer = producerOf(difference);
      const stale = producer === undefined ? undefined : this.plannedAt(producer);
      if (stale !== undefined) return [difference, { task: stale }];
    }
    const made = differences.find((difference) => producerOf(difference) !== undefined);
    const renewed = made && this.renewedSince(task, producerOf(made)!);
    if (renewed !== undefined) return [made, renewed];
    if (differences.length > 0) return [differences[0], undefined];
    if (dependency === undefined) return [undefined, undefined];
    return [{ kind: 'dependency', task: dependency }, { task: dependency }];
  }

  /** For a task that a failure blocks: the failed one, or one that leads to it. */
  private blockerOf(task: TaskId): TaskId | undefined {
    const { graph, tasks } = this.state;
    if (!isBlocked(tasks.get(task))) return undefined;
    return graph.dependenciesOf(task).find((id) => {
      const below = tasks.get(id);
      return below.status === TaskStatus.Failed || isBlocked(below);
    });
  }

  private failureOf(task: TaskId): Link {
    const last = this.past.newestAttempt(task);
    if (this.state.tasks.get(task).status !== TaskStatus.Failed || last === undefined) return { task };
    const { run, outcome, exitCode, signal, message } = last;
    const known = {
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(signal === undefined ? {} : { signal }),
      ...(message === undefined ? {} : { message }),
    };
    return { task, run, cause: { kind: 'failed', outcome, ...known } };
  }

  private pastStep(task: TaskId, run: RunId): Step {
    const reason = this.past.attemptIn(run, task)?.reason;
    const producer = typeof reason === 'object' ? producerOf(reason) : undefined;
    return [reason, producer === undefined ? undefined : this.renewedIn(run, producer)];
  }

  private renewedIn(run: RunId | undefined, task: TaskId): Link | undefined {
    const outcome = run === undefined ? undefined : this.past.attemptIn(run, task)?.outcome;
    return outcome === undefined ? undefined : { task, run: run! };
  }

  /** The newest attempt at a producer, if it came after the newest one at the task. */
  private renewedSince(task: TaskId, producer: TaskId): Link | undefined {
    const made = this.past.newestAttempt(producer);
    const used = this.past.newestAttempt(task);
    if (made === undefined || (used !== undefined && made.start < used.start)) return undefined;
    return { task: producer, run: made.run };
  }

  /** Also true of a task without a command that fails for want of a file. */
  private hasCommand(row: Row): boolean {
    const { artifacts, table } = partsOf(this.state);
    return artifacts.taskFiles.has(row, TaskFlag.Command) || this.planned.has(table.names.nameOf(row));
  }
}

type Step = readonly [cause: Link['cause'], following: Link | undefined];

function isBlocked({ status, outcome }: TaskState): boolean {
  return status === TaskStatus.Pending && outcome === 'blocked';
}

function producerOf(cause: Difference | Reason): TaskId | undefined {
  return 'producer' in cause ? cause.producer : undefined;
}
