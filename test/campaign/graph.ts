import { createHash } from 'node:crypto';

const MIN_TASKS = 30;
const MAX_TASKS = 200;

/** How far back a task's dependencies may lie: keeps the graph deep. */
const REACH = 40;

/** What a task's command does beside its work. */
export const BEHAVIOURS = [
  'plain',
  'sleeps',
  'sleeps-in-own-group',
  'leaves-child',
  'leaves-quiet-child',
] as const;

/** A task that hashes what it reads into its output. Tasks are known by their place in the graph. */
export interface CampaignTask {
  /** Also the path of its output. */
  readonly id: string;
  /** A part of the command: another number makes another command, and another output. */
  salt: number;
  /** Sources that it declares. */
  readonly sources: readonly number[];
  /** Sources that it reads and tells of in a depfile. */
  readonly discovered: readonly number[];
  /** Tasks whose outputs it reads. */
  readonly inputs: readonly number[];
  /** Tasks that must only be complete before. */
  readonly orderOnly: readonly number[];
  /** Path of a second output; undefined for none. */
  readonly extra: string | undefined;
  readonly inPool: boolean;
  /** Declares its sources by globs, where the manifest knows any. */
  readonly usesGlobs: boolean;
  readonly behaviour: (typeof BEHAVIOURS)[number];
  /** Milliseconds that it sleeps, if it does. */
  readonly sleep: number;
}

/** A source file. Tasks that declare a broken one fail. */
export interface Source {
  readonly path: string;
  text: string;
  broken: boolean;
}

/** What a build is about; tasks come after what they need. */
export interface Graph {
  readonly tasks: readonly CampaignTask[];
  readonly sources: readonly Source[];
  readonly poolDepth: number;
  /** Whether each run backs up its state, where the manifest can say so. */
  readonly backsUp: boolean;
}

/** @param withOrderOnly whether the manifest can say that a task only comes after another */
export function randomGraph(random: () => number, withOrderOnly: boolean): Graph {
  // Small graphs are as telling as large ones, and faster: the square makes most of them small.
  const count = MIN_TASKS + Math.floor(random() ** 2 * (MAX_TASKS - MIN_TASKS + 1));
  const sources = Array.from({ length: Math.ceil(count / 3) }, (_, index) => ({
    path: `src/s${index}.txt`,
    text: `source ${index}`,
    broken: random() < 0.02,
  }));
  const tasks = Array.from({ length: count }, (_, index) =>
    randomTask(index, sources.length, random, withOrderOnly),
  );
  return { tasks, sources, poolDepth: 1 + Math.floor(random() * 3), backsUp: random() < 0.5 };
}

/** The tasks above one, and itself. @param edges what leads from a task to those that it needs */
export function above(
  { tasks }: Graph,
  roots: Iterable<number>,
  edges: (task: CampaignTask) => readonly number[],
): Set<number> {
  const found = new Set(roots);
  tasks.forEach((task, index) => {
    if (edges(task).some((dependency) => found.has(dependency))) found.add(index);
  });
  return found;
}

/** What every output contains after a build: path to content. */
export function expectedOutputs({ tasks, sources }: Graph): Map<string, string> {
  const outputs = new Map<string, string>();
  for (const task of tasks) {
    const read = [
      ...[...task.sources, ...task.discovered].map((source) => sourceContent(sources[source]!)),
      ...task.inputs.map((input) => outputs.get(tasks[input]!.id)!),
    ];
    const content = `${createHash('sha256')
      .update(`${headOf(task)}\n${read.join('')}`)
      .digest('hex')}  -\n`;
    outputs.set(task.id, content);
    if (task.extra !== undefined) outputs.set(task.extra, content);
  }
  return outputs;
}

export function sourceContent({ text, broken }: Source): string {
  return broken ? `broken\n${text}\n` : `${text}\n`;
}

/** The first line of what a task hashes. */
export function headOf({ id, salt }: CampaignTask): string {
  return `${id} ${salt}`;
}

function randomTask(
  index: number,
  sourceCount: number,
  random: () => number,
  withOrderOnly: boolean,
): CampaignTask {
  const some = (most: number, from: number, to: number): number[] =>
    to <= from ? [] : distinct(most, () => from + Math.floor(random() * (to - from)), random);
  const from = Math.max(0, index - REACH);
  const inputs = random() < 0.85 ? some(3, from, index) : [];
  const orderOnly = withOrderOnly && random() < 0.2 ? some(1, from, index) : [];
  return {
    id: `out/t${index}.txt`,
    salt: 0,
    sources: some(2, 0, sourceCount),
    discovered: random() < 0.2 ? some(2, 0, sourceCount) : [],
    inputs,
    orderOnly: orderOnly.filter((task) => !inputs.includes(task)),
    extra: random() < 0.2 ? `out/extra/t${index}.txt` : undefined,
    inPool: random() < 0.2,
    usesGlobs: random() < 0.5,
    behaviour: random() < 0.6 ? 'plain' : BEHAVIOURS[Math.floor(random() * BEHAVIOURS.length)]!,
    sleep: 1 + Math.floor(random() * 15),
  };
}

/** At least one and at most `most` different numbers, in order. */
function distinct(most: number, draw: () => number, random: () => number): number[] {
  const count = 1 + Math.floor(random() * most);
  return [...new Set(Array.from({ length: count }, draw))].sort((a, b) => a - b);
}
