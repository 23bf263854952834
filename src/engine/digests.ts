import { type CheckContext, TaskFlag, variableIn } from '../artifacts/index.js';
import { sha256Hex } from '../sha256.js';
import type { Row } from '../task.js';
import { type TaskDetails, unpackDetails } from '../tasks/details.js';

/** Characters of a digest: enough to tell values apart. */
const DIGEST_CHARACTERS = 16;

/** By names, the beginnings of the SHA-256 digests of values, in hexadecimal; null for one that is not set. */
export type Digests = Readonly<Record<string, string | null>>;

const ENVIRONMENT = 'environment/';

/** The name of the record that holds the variables of an environment key: tasks with the same ones share it. */
export const environmentRecord = (key: number): string => `${ENVIRONMENT}${key}`;

/** The environment key whose record has a name; undefined if it is another one's. */
export function environmentOf(name: string): number | undefined {
  return name.startsWith(ENVIRONMENT) ? Number(name.slice(ENVIRONMENT.length)) : undefined;
}

/** The inherited variables that a task declares, as they are now; undefined if it declares none. */
export function environmentDigests(context: CheckContext, task: Row): Digests | undefined {
  if (!context.artifacts.taskFiles.has(task, TaskFlag.InheritsEnvironment)) return undefined;
  const { inheritEnv = [] } = unpackDetails(context.table.details, task);
  return Object.fromEntries(
    inheritEnv.map((name) => [name, digestOf(variableIn(context.environment, name))]),
  );
}

/**
 * What the command key of a task is made of, by the keys of manifests: `command`, `function`, `cwd`, `outputs`, `responseFile`, `env.NAME`. Undefined for a
 * literal task, in which all but the command is compared by itself.
 */
export function definitionDigests(details: TaskDetails): Digests | undefined {
  const { command, cwd, env = {}, function: call, literal, outputs, responseFile } = details;
  if (literal === true) return undefined;
  const parts = { command, function: call, cwd, outputs, responseFile };
  const variables = Object.entries(env).map(([name, value]) => [`env.${name}`, digestOf(value)] as const);
  const others = Object.entries(parts).filter(([, value]) => value !== undefined);
  return Object.fromEntries([
    ...others.map(([name, value]) => [name, digestOf(JSON.stringify(value))] as const),
    ...variables,
  ]);
}

/** The names that differ, sorted. */
export function changedNames(one: Digests, other: Digests): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => one[name] !== other[name]).sort();
}

function digestOf(value: string | undefined): string | null {
  return value === undefined ? null : sha256Hex(value).slice(0, DIGEST_CHARACTERS);
}
