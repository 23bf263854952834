import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CampaignTask,
  expectedOutputs,
  type Graph,
  headOf,
  type Source,
  sourceContent,
} from './graph.js';

/** The manifests that a project may have. */
export const FORMATS = ['millrace.json', 'build.ninja'] as const;
export type Format = (typeof FORMATS)[number];

/** Seconds that a child lives which a command leaves behind: longer than a killed run may leave it. */
const LEFT_CHILD_SECONDS = 4;

/**
 * A graph on disk: sources, a manifest, and beside them the file to which each command appends its task's id: what
 * really ran is known from there and not from millrace.
 */
export class Project {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly graph: Graph;
  private readonly format: Format;
  private readonly oracle: string;

  /** @param folder for all of it; exists and is empty */
  constructor(folder: string, graph: Graph, format: Format) {
    this.directory = join(folder, 'project');
    this.stateDirectory = join(folder, 'state');
    this.oracle = join(folder, 'oracle');
    this.graph = graph;
    this.format = format;
    mkdirSync(join(this.directory, 'src'), { recursive: true });
    writeFileSync(this.oracle, '');
    for (const source of graph.sources) this.writeSource(source);
    this.writeManifest();
  }

  writeSource(source: Source): void {
    writeFileSync(join(this.directory, source.path), sourceContent(source));
  }

  writeManifest(): void {
    const text = this.format === 'build.ninja' ? this.ninja() : this.native();
    writeFileSync(join(this.directory, this.format), text);
  }

  /** How often the command of each task was started, by id. */
  starts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const id of readFileSync(this.oracle, 'utf8').split('\n')) counts.set(id, (counts.get(id) ?? 0) + 1);
    return counts;
  }

  /** The outputs that are not what a build from nothing would make. */
  wrongOutputs(): string[] {
    const expected = [...expectedOutputs(this.graph)];
    return expected
      .filter(([path, content]) => readOutput(join(this.directory, path)) !== content)
      .map(([path]) => path);
  }

  private native(): string {
    const { tasks, poolDepth, backsUp } = this.graph;
    return JSON.stringify({
      ...(backsUp ? { backups: { every: '0s', newest: 2, days: 1 } } : {}),
      pools: { narrow: poolDepth },
      tasks: Object.fromEntries(tasks.map((task) => [task.id, this.nativeTask(task)])),
    });
  }

  private nativeTask(task: CampaignTask): object {
    const sources = this.sourcePaths(task.sources);
    return {
      command: this.command(task),
      deps: this.taskIds([...task.inputs, ...task.orderOnly]),
      inputs: task.usesGlobs ? sources.map((path) => path.replace(/txt$/, '*')) : sources,
      outputs: outputsOf(task),
      ...(task.inPool ? { pool: 'narrow' } : {}),
      ...(task.discovered.length > 0 ? { depfile: depfileOf(task) } : {}),
    };
  }

  private ninja(): string {
    const { tasks, poolDepth } = this.graph;
    const statements = tasks.map((task, index) => this.ninjaTask(task, `r${index}`));
    return [`pool narrow\n  depth = ${poolDepth}\n`, ...statements].join('\n');
  }

  private ninjaTask(task: CampaignTask, rule: string): string {
    const [output, ...extra] = outputsOf(task);
    const inputs = [...this.sourcePaths(task.sources), ...this.taskIds(task.inputs)];
    const implicit = extra.length > 0 ? ` | ${extra.join(' ')}` : '';
    const orderOnly = task.orderOnly.length > 0 ? ` || ${this.taskIds(task.orderOnly).join(' ')}` : '';
    return [
      `rule ${rule}`,
      `  command = ${this.command(task).replaceAll('$', '$$$$')}`,
      ...(task.inPool ? ['  pool = narrow'] : []),
      ...(task.discovered.length > 0 ? ['  deps = gcc', `  depfile = ${depfileOf(task)}`] : []),
      `build ${output}${implicit}: ${rule} ${inputs.join(' ')}${orderOnly}`,
      '',
    ].join('\n');
  }

  /** Appends to the oracle, fails if a declared source is broken, and hashes what the task reads into its output. */
  private command(task: CampaignTask): string {
    const declared = this.sourcePaths(task.sources);
    const discovered = this.sourcePaths(task.discovered);
    const read = [...declared, ...discovered, ...this.taskIds(task.inputs)].join(' ');
    return [
      `echo '${task.id}' >>'${this.oracle}'`,
      ...declared.map((path) => `read -r line <${path}; [ "$line" != broken ] || exit 1`),
      ...besides(task),
      `{ echo '${headOf(task)}'; cat ${read}; } | sha256sum >${task.id}`,
      ...(task.extra === undefined ? [] : [`cat ${task.id} >${task.extra}`]),
      ...(discovered.length > 0 ? [`echo '${task.id}: ${discovered.join(' ')}' >${depfileOf(task)}`] : []),
    ].join('; ');
  }

  private sourcePaths(sources: readonly number[]): string[] {
    return sources.map((source) => this.graph.sources[source]!.path);
  }

  private taskIds(tasks: readonly number[]): string[] {
    return tasks.map((task) => this.graph.tasks[task]!.id);
  }
}

function besides({ behaviour, sleep }: CampaignTask): string[] {
  const seconds = (sleep / 1000).toFixed(3);
  switch (behaviour) {
    case 'plain':
      return [];
    case 'sleeps':
      return [`sleep ${seconds}`];
    case 'sleeps-in-own-group':
      return [`timeout 10 sleep ${seconds}`];
    case 'leaves-child':
      return [`{ sleep ${LEFT_CHILD_SECONDS} & }`];
    case 'leaves-quiet-child':
      return [`{ sleep ${LEFT_CHILD_SECONDS} >/dev/null 2>&1 & }`];
  }
}

function outputsOf({ id, extra }: CampaignTask): string[] {
  return extra === undefined ? [id] : [id, extra];
}

function depfileOf({ id }: CampaignTask): string {
  return id.replace(/txt$/, 'd');
}

function readOutput(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
