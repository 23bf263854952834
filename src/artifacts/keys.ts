import { sha256 } from '../sha256.js';
import type { TaskDetails } from '../tasks/details.js';
import { Content, type ContentId, type ContentTable } from './contents.js';

/** What a definition says about how a command runs, as one number. Equal numbers mean equal commands. */
export function commandKey(details: TaskDetails, contents: ContentTable): ContentId {
  const {
    command,
    function: call,
    cwd,
    depfile,
    depfileConsumed,
    env,
    responseFile,
    literal,
    outputs,
  } = details;
  if (command === undefined && call === undefined) return Content.Unknown;
  const variables = env === undefined ? null : Object.entries(env).sort(byName);
  const response = responseFile === undefined ? null : [responseFile.path, responseFile.content];
  // Literal outputs are compared one by one; of globs only a change of the pattern tells.
  const key: unknown[] = [
    command ?? [call],
    cwd ?? null,
    variables,
    response,
    literal ? null : (outputs ?? null),
  ];
  // What was executed without one may have read what nobody knows of.
  if (depfile !== undefined) key.push(depfile, depfileConsumed === true);
  return intern(key, contents);
}

/** The values of the named inherited variables, as one number. */
export function environmentKey(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  contents: ContentTable,
): ContentId {
  const values = [...names].sort().map((name) => [name, variableIn(environment, name) ?? null]);
  return intern(values, contents);
}

/** The value of a variable; what every object inherits is none. */
export function variableIn(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}

function intern(value: unknown, contents: ContentTable): ContentId {
  return contents.intern(sha256(JSON.stringify(value)));
}

function byName([one]: [string, string], [other]: [string, string]): number {
  return one < other ? -1 : 1;
}
