import type { Project } from '../../engine/project.js';
import { DependencyCycle } from '../../errors.js';
import type { TaskId } from '../../task.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { GraphCommandOptions } from '../options.js';
import { warnOn, withProject } from '../project.js';
import { display } from '../render/text.js';

/** A task and what it needs directly. */
export interface Node {
  readonly id: TaskId;
  readonly dependencies: readonly TaskId[];
}

/** `millrace graph`: prints the targets and all that they need, dependencies first. */
export async function graph(
  targets: readonly string[],
  options: GraphCommandOptions,
  context: Context,
): Promise<number> {
  const use = { options, mode: 'read', onWarning: warnOn(context.stderr) } as const;
  try {
    return await withProject(use, async (project) => {
      if (options.cycle) printCycle(undefined, options, context);
      else print(await nodesOf(project, targets), options, context);
      return ExitCode.Ok;
    });
  } catch (error) {
    if (!options.cycle || !(error instanceof DependencyCycle)) throw error;
    printCycle(error.cycle, options, context);
    return ExitCode.Failed;
  }
}

function print(nodes: readonly Node[], options: GraphCommandOptions, context: Context): void {
  if (options.json || options.format === 'json') writeJson(context, { tasks: nodes });
  else if (options.format === 'dot') context.stdout.write(toDot(nodes));
  else context.stdout.write(nodes.map(({ id }) => `${display(id)}\n`).join(''));
}

/** A manifest with a cycle cannot be opened, so there is none in a project that is open. */
function printCycle(
  cycle: readonly TaskId[] | undefined,
  options: GraphCommandOptions,
  context: Context,
): void {
  if (options.json || options.format === 'json') writeJson(context, { cycle: cycle ?? null });
  else context.stdout.write(`${cycle?.map(display).join(' → ') ?? 'no cycle'}\n`);
}

/** The targets and what they need, dependencies first; without a target all tasks. O(tasks + edges) for each target. */
async function nodesOf(project: Project, targets: readonly string[]): Promise<Node[]> {
  const { graph } = project.state;
  const ids = await project.resolveTargets(targets);
  const wanted = new Set(
    ids.flatMap((target) => [target, ...graph.dependenciesOf(target, { transitive: true })]),
  );
  const order = targets.length > 0 ? graph.order().filter((id) => wanted.has(id)) : graph.order();
  return order.map((id) => ({ id, dependencies: graph.dependenciesOf(id) }));
}

/** The graph in the DOT language; an edge leads from a task to one that it needs. */
export function toDot(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ id, dependencies }) => [
    `  ${dotId(id)}`,
    ...dependencies.map((dependency) => `  ${dotId(id)} -> ${dotId(dependency)}`),
  ]);
  return ['digraph millrace {', '  rankdir=LR', ...lines, '}', ''].join('\n');
}

/**
 * In a quoted DOT id only `"` needs a backslash, but a label gives `\` a meaning of its own: hence it is doubled, too. One
 * in the id itself is doubled before that, or it would look like what stands for a control character.
 */
function dotId(id: TaskId): string {
  return `"${display(id.replaceAll('\\', '\\\\')).replace(/["\\]/g, '\\$&')}"`;
}
