import { type CheckContext, TaskFlag } from '../artifacts/index.js';
import { sha256Hex } from '../sha256.js';
import type { Row } from '../task.js';
import { unpackDetails } from '../tasks/details.js';

/** Characters of a digest: enough to tell values apart. */
const DIGEST_CHARACTERS = 16;

/** The beginnings of the SHA-256 digests of variables' values, in hexadecimal; null for one that is not set. */
export type EnvironmentDigests = Readonly<Record<string, string | null>>;

/** The name of the record that holds the variables of an environment key: tasks with the same ones share it. */
export const environmentRecord = (key: number): string => `environment/${key}`;

/** The inherited variables that a task declares, as they are now; undefined if it declares none. */
export function environmentDigests(context: CheckContext, task: Row): EnvironmentDigests | undefined {
  if (!context.artifacts.taskFiles.has(task, TaskFlag.InheritsEnvironment)) return undefined;
  const { inheritEnv = [] } = unpackDetails(context.table.details, task);
  return Object.fromEntries(inheritEnv.map((name) => [name, digestOf(context.environment[name])]));
}

/** The names of the variables that differ, sorted. */
export function changedVariables(one: EnvironmentDigests, other: EnvironmentDigests): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}

function digestOf(value: string | undefined): string | null {
  return value === undefined ? null : sha256Hex(value).slice(0, DIGEST_CHARACTERS);
}
