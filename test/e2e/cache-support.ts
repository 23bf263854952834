import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventsOf, explain, type Project, type Result } from './rig.js';

/** The files below a folder of the content store. */
export function stored(
  project: Project,
  kind: 'actions' | 'blobs' | 'inputs' | 'quarantine' | 'tmp',
): string[] {
  const folder = project.path('.millrace/content', kind);
  if (!project.exists(`.millrace/content/${kind}`)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What became of each task, fresh ones left out. */
export function outcomes(result: Result): Record<string, string> {
  return Object.fromEntries(eventsOf(result, 'task-finished').map(({ task, outcome }) => [task, outcome]));
}

/** `millrace run --json`, which must succeed. */
export async function run(project: Project, ...args: string[]): Promise<Result> {
  const result = await project.millrace(['run', '--json', ...args]);
  assert.equal(result.exitCode, 0, explain(result));
  return result;
}

export const COPY = { command: 'echo copying; cp in out', inputs: ['in'], outputs: ['out'] };
