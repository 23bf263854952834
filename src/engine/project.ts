import { basename, dirname, join, resolve } from 'node:path';
import { FileTable, FileThreads } from '../artifacts/index.js';
import { DependencyCycle } from '../errors.js';
import { findManifest, readManifest } from '../manifest/index.js';
import type { ManifestInfo } from '../manifest/manifest.js';
import { type BuildState, openState, partsOf } from '../state.js';
import { whileWaiting } from '../store/lock.js';
import { type TaskId, TaskStatus } from '../task.js';
import { planTasks } from '../tasks/sync.js';
import { BuildEngine } from './engine.js';
import type { BuildEvent, RunSummary } from './events.js';
import { IMAGE, imageOf, isCurrent, type ManifestImage } from './manifest-image.js';
import { checkProjectOptions, checkRunOptions, type ProjectOptions, type RunOptions } from './options.js';
import { settle } from './run/assess.js';
import { describeEscaped } from './run/escaped.js';
import { select } from './run/selection.js';
import { requireApart } from './state-folder.js';
import { VERSION } from './version.js';

/** How often a manifest may make itself anew within one run. */
const MAX_REGENERATIONS = 100;

/** With so many files a scan takes as long as its threads take to start: then they start while the state is loaded. */
const MANY_FILES = 20_000;

/**
 * Opens the state of a folder with a manifest, and makes its tasks those of the manifest. A manifest that has not changed
 * since the last time is not read again.
 * @throws InvalidArgument, NoManifest, ManifestError, StateLocked, StateTooNew, StateUnavailable, and what `TaskManager.define` throws
 */
export async function openProject(options: ProjectOptions): Promise<Project> {
  checkProjectOptions(options);
  const path = findManifest(resolve(options.directory), options.manifest);
  const threads = new FileThreads();
  try {
    const state = await openStateOf(path, options, threads);
    return await openProjectIn(state, path, threads, options.onWarning);
  } catch (error) {
    await threads.close();
    throw error;
  }
}

async function openStateOf(path: string, options: ProjectOptions, threads: FileThreads): Promise<BuildState> {
  const { stateDirectory = join(dirname(path), '.millrace') } = options;
  const directory = resolve(options.directory, stateDirectory);
  requireApart(directory, dirname(path));
  if (options.mode === 'read') return await openState({ directory, readOnly: true, lazy: true });
  return await openState({
    directory,
    ...(options.wait === undefined ? {} : { wait: options.wait }),
    ...(options.isolation === undefined ? {} : { isolation: options.isolation }),
    onWait: (holder) => options.onWarning?.(whileWaiting(holder)),
    lazy: true,
    beforeLoad: (sizes) => {
      if (FileTable.rowsIn(sizes) >= MANY_FILES) threads.start();
    },
  });
}

async function openProjectIn(
  state: BuildState,
  path: string,
  threads: FileThreads,
  onWarning: ((message: string) => void) | undefined,
): Promise<Project> {
  try {
    for (const warning of warningsOf(state)) onWarning?.(warning);
    return new Project(state, await load(state, path), threads);
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** What whoever has opened a state should be told: how it was recovered, and what the run before has left behind. */
export function warningsOf({ recovery: { escaped, message } }: Pick<BuildState, 'recovery'>): string[] {
  return [message, describeEscaped(escaped)].filter((warning) => warning !== undefined);
}

/** A manifest and the state of its tasks, opened together. */
export class Project implements AsyncDisposable {
  /** Open as long as the project is. */
  readonly state: BuildState;
  readonly #threads: FileThreads;
  #manifest: ManifestInfo;
  #engine: BuildEngine | undefined;

  /** Use `openProject`. */
  constructor(state: BuildState, manifest: ManifestInfo, threads: FileThreads) {
    this.state = state;
    this.#manifest = manifest;
    this.#threads = threads;
  }

  /** What the manifest says beside its tasks; another one after a run that has made it anew. */
  get manifest(): ManifestInfo {
    return this.#manifest;
  }

  /** The tasks that names on a command line mean. @throws UnknownTarget */
  async resolveTargets(names: readonly string[]): Promise<TaskId[]> {
    const { resolveTarget } = await import('./targets.js');
    const { artifacts, table } = partsOf(this.state);
    artifacts.taskFiles.refresh(table, this.#manifest.root);
    return names.map((name) => resolveTarget(this.state, this.#manifest.root, name));
  }

  /**
   * Runs the targets, or the manifest's defaults. If a task makes the manifest itself, it runs first, and the manifest
   * is read again. See `BuildEngine.run`.
   * @param options.targets names as for `resolveTargets`
   */
  async run(options: RunOptions = {}): Promise<RunSummary> {
    checkRunOptions(options);
    const events = new EventRelay(options.onEvent);
    const first = options.dryRun === true ? await this.#foreseeRegeneration(events) : [];
    for (let round = 0; options.dryRun !== true && round < MAX_REGENERATIONS; round++) {
      const regenerated = await this.#regenerate(options, events);
      if (regenerated === 'fresh') break;
      if (regenerated !== 'changed') return regenerated;
    }
    const names = options.targets ?? [];
    const named = names.length > 0 ? await this.resolveTargets(names) : this.#manifest.defaults;
    // Without a target every task is meant, the one that makes the manifest, too.
    const targets = named.length > 0 ? [...new Set([...first, ...named])] : named;
    // Nobody has named the defaults, so it is all that is meant.
    const force = options.force === true && names.length === 0 ? { force: 'all' as const } : {};
    const { targets: _, ...others } = options;
    const meant = targets.length > 0 ? { ...others, targets } : others;
    return await this.#newEngine().run({ ...meant, ...force, onEvent: events.relay });
  }

  /** Kills all commands that run, without waiting. */
  kill(): void {
    this.#engine?.kill();
  }

  /** Closes the state, as `BuildState.close` does, and ends the project's threads. @throws CommitFailed */
  async close(): Promise<void> {
    await Promise.all([this.state.close(), this.#threads.close()]);
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For a dry run: the task that would make the manifest anew before all else, if it is stale. */
  async #foreseeRegeneration(events: EventRelay): Promise<TaskId[]> {
    const { regenerate, path } = this.#manifest;
    if (regenerate === undefined || (await this.#isFresh(regenerate))) return [];
    events.warn(`${basename(path)} would be made anew first; the rest is planned by what it says now.`);
    return [regenerate];
  }

  /** Makes the manifest anew if it is stale. Returns the summary of a run that ends everything. */
  async #regenerate(options: RunOptions, events: EventRelay): Promise<'fresh' | 'changed' | RunSummary> {
    const { regenerate } = this.#manifest;
    if (regenerate === undefined) return 'fresh';
    // As a rule it is fresh: then there is no run to be told, kept in the history and committed.
    if (await this.#isFresh(regenerate)) {
      this.#settleFresh(regenerate);
      return 'fresh';
    }
    const { force: _, ...rest } = options;
    const targets = [regenerate];
    const summary = await this.#newEngine().run({ ...rest, targets, onEvent: events.relayPrelude });
    if (summary.result !== 'succeeded') {
      events.endPrelude(summary);
      return summary;
    }
    if (summary.executed + summary.cached === 0) return 'fresh';
    this.#manifest = await load(this.state, this.#manifest.path);
    return 'changed';
  }

  async #isFresh(task: TaskId): Promise<boolean> {
    const plan = await this.#newEngine().run({ targets: [task], dryRun: true });
    return plan.fresh === plan.total;
  }

  /** A plan changes nothing: what had failed, and is fresh now because its inputs are as before, would remain failed. */
  #settleFresh(task: TaskId): void {
    const { table } = partsOf(this.state);
    const row = this.state.tasks.rowOf(task);
    if (table.status(row) !== TaskStatus.Completed)
      settle(table, select(table, [row]), { dirty: new Uint8Array(table.rowCount) });
  }

  #newEngine(): BuildEngine {
    const { root, pools, backups } = this.#manifest;
    const options = { root, pools, ...(backups === undefined ? {} : { backups }) };
    this.#engine = new BuildEngine(this.state, options, this.#threads);
    return this.#engine;
  }
}

/** Makes one stream of events out of several runs: numbers go on, and only the last run's beginning and end are told. */
class EventRelay {
  readonly #listener: ((event: BuildEvent) => void) | undefined;
  #offset = 0;
  #seq = 0;

  constructor(listener: ((event: BuildEvent) => void) | undefined) {
    this.#listener = listener;
  }

  readonly relay = (event: BuildEvent): void => {
    if (event.type === 'run-started') this.#offset = this.#seq;
    this.#pass(event);
  };

  readonly relayPrelude = (event: BuildEvent): void => {
    // One is left out, so the others move up.
    if (event.type === 'run-started') this.#offset = this.#seq - 1;
    else if (event.type !== 'run-finished') this.#pass(event);
  };

  warn(message: string): void {
    this.#seq++;
    this.#listener?.({ type: 'warning', seq: this.#seq, time: Date.now(), message });
  }

  endPrelude(summary: RunSummary): void {
    this.#seq++;
    this.#listener?.({ type: 'run-finished', seq: this.#seq, time: Date.now(), ...summary });
  }

  #pass(event: BuildEvent): void {
    this.#seq = this.#offset + event.seq;
    const through = event.type === 'committed' ? { through: event.through + this.#offset } : {};
    this.#listener?.({ ...event, ...through, seq: this.#seq });
  }
}

/** Makes the state's tasks those of the manifest, if they are not. */
async function load(state: BuildState, path: string): Promise<ManifestInfo> {
  const parts = partsOf(state);
  const image = parts.getRecord(IMAGE) as ManifestImage | undefined;
  if (image !== undefined && isCurrent(image, path, VERSION)) return image;
  const readSince = Date.now();
  const manifest = await readManifest(path);
  const next = imageOf(manifest, VERSION, readSince);
  try {
    // In memory only, so that a plan can be made of a manifest that has changed.
    if (state.readOnly) planTasks(parts.tableToChange(), manifest.tasks);
    else state.tasks.replaceByManifest(manifest.tasks);
  } catch (error) {
    if (!(error instanceof DependencyCycle)) throw error;
    throw new DependencyCycle(error.cycle, manifest.placeOf(error.cycle[0]!));
  }
  if (!state.readOnly) parts.putRecord(IMAGE, next);
  return next;
}
