import type { TaskId } from '../task.js';
import type { ArtifactVersion } from './artifact-manager.js';

/** What is kept of a task. */
export interface TaskUsage {
  /** The task that has made it. */
  readonly task: TaskId;
  /** How many versions there are. */
  readonly versions: number;
  /** Of the files and logs of all its versions; a file that several have alike counts once. */
  readonly bytes: number;
}

/** How much is kept of each task, most first. */
export function usageOf(versions: readonly ArtifactVersion[]): TaskUsage[] {
  const byTask = new Map<TaskId, ArtifactVersion[]>();
  for (const version of versions) {
    const others = byTask.get(version.task);
    if (others === undefined) byTask.set(version.task, [version]);
    else others.push(version);
  }
  const usages = Array.from(byTask, ([task, own]) => ({ task, versions: own.length, bytes: bytesOf(own) }));
  return usages.sort((one, other) => other.bytes - one.bytes || (one.task < other.task ? -1 : 1));
}

function bytesOf(versions: readonly ArtifactVersion[]): number {
  const files = new Map(
    versions.flatMap((version) => version.files.map(({ digest, size }) => [digest, size])),
  );
  const logs = versions.reduce((sum, { logBytes }) => sum + logBytes, 0);
  return [...files.values()].reduce((sum, size) => sum + size, logs);
}
