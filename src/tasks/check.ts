import { InvalidArgument, InvalidTaskId, quote } from '../errors.js';
import { didYouMean } from '../hint.js';
import {
  type FunctionCall,
  MAX_ID_BYTES,
  MAX_RETRIES,
  type TaskDefinition,
  type TaskId,
  type TaskState,
} from '../task.js';
import {
  anything,
  boolean,
  type Check,
  filled,
  isObject,
  jsonValue,
  listOf,
  onlyExcludes,
  type Problem,
  shown,
  slowPattern,
  string,
  TOO_SLOW,
  text,
  unicode,
  wholeBetween,
  wrong,
} from '../values.js';

/** The most milliseconds that a timer can wait for. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/** In a program the key has another name. */
const DEPENDENCIES_IN_MANIFESTS = 'deps';

const variable: Check = (value) =>
  typeof value === 'string' && value.includes('=')
    ? wrong('must be a name without "="', value)
    : filled(value);

const timeout: Check = (value) =>
  typeof value === 'number' && value > 0 && value <= MAX_TIMEOUT
    ? undefined
    : wrong(`must be a number of milliseconds above 0, at most ${MAX_TIMEOUT}`, value);

const priority: Check = (value) =>
  typeof value === 'number' && (value | 0) === value
    ? undefined
    : wrong('must be a whole number of milliseconds, less than 2^31 of them', value);

/** What a system takes as a path (PATH_MAX in limits.h), and a table of files as a name. */
const MAX_PATH_BYTES = 4096;

const path: Check = (value) => {
  const problem = filled(value);
  if (problem !== undefined || typeof value !== 'string') return problem;
  if (value.length * 3 <= MAX_PATH_BYTES || Buffer.byteLength(value) <= MAX_PATH_BYTES) return undefined;
  return wrong(`must have at most ${MAX_PATH_BYTES} bytes`, value);
};

const texts = listOf(text);

const command: Check = (value) => {
  if (typeof value === 'string') return text(value);
  if (!Array.isArray(value)) return wrong('must be a string or a list of strings', value);
  return value.length > 0 && value[0] !== '' ? texts(value) : wrong('must begin with a program', value);
};

/** A scheme, of two letters or more: one alone is a drive of Windows. */
const SCHEME = /^[a-z][a-z\d+.-]+:/i;

const modulePath: Check = (value) =>
  typeof value === 'string' && SCHEME.test(value)
    ? wrong('must be the path of a file, not a URL', value)
    : filled(value);

const FUNCTION = { module: modulePath, export: filled, input: jsonValue } satisfies Record<
  keyof FunctionCall,
  Check
>;
const FUNCTION_CHECKS = new Map<string, Check>(Object.entries(FUNCTION));

const functionCall: Check = (value) => {
  if (!isObject(value) || value.module === undefined) {
    return wrong('must be an object with "module", and maybe "export" and "input"', value);
  }
  for (const key in value) {
    if (value[key] === undefined) continue;
    const check = FUNCTION_CHECKS.get(key);
    const problem =
      check === undefined
        ? wrong('must have no other keys than module, export, input', key)
        : check(value[key]);
    if (problem !== undefined)
      return check === undefined ? problem : { ...problem, where: `.${key}${problem.where}` };
  }
  return undefined;
};

/** What only a command has. */
const OF_COMMANDS = ['command', 'env', 'cwd', 'responseFile', 'ignoreCommandChange'] as const;

const env: Check = (value) => {
  if (!isObject(value)) return wrong('must be an object', value);
  for (const name in value) {
    const problem = variable(name) ?? text(value[name]);
    if (problem !== undefined) return { ...problem, where: `.${name}` };
  }
  return undefined;
};

const responseFile: Check = (value) => {
  if (!isObject(value)) return wrong('must be an object with "path" and "content"', value);
  const problem = path(value.path);
  if (problem !== undefined) return { ...problem, where: '.path' };
  const content = unicode(value.content);
  return content && { ...content, where: '.content' };
};

const DEFINITION = {
  // Has errors of its own.
  id: anything,
  dependencies: listOf(string),
  command,
  function: functionCall,
  inputs: listOf(path),
  outputs: listOf(path),
  literal: boolean,
  optionalOutputs: boolean,
  env,
  inheritEnv: listOf(variable),
  cwd: path,
  timeout,
  retries: wholeBetween(0, MAX_RETRIES),
  priority,
  pool: filled,
  description: text,
  depfile: path,
  depfileConsumed: boolean,
  ignoreCommandChange: boolean,
  cache: boolean,
  responseFile,
  data: jsonValue,
} satisfies Record<keyof TaskDefinition, Check>;

/** What `TaskManager.get` gives is a definition, too: these of its keys mean nothing in one. */
const STATE = {
  status: anything,
  outcome: anything,
  attempt: anything,
  duration: anything,
  artifact: anything,
} satisfies Record<Exclude<keyof TaskState, keyof TaskDefinition>, Check>;

const CHECKS = new Map<string, Check>(Object.entries({ ...DEFINITION, ...STATE }));

/**
 * Checks what can be seen of a definition by itself. Plain code, because a million of them may come at once.
 * O(length of what it holds).
 * @throws InvalidTaskId; InvalidArgument that names the task and the key
 */
export function checkDefinition(definition: TaskDefinition): void {
  const given: unknown = definition;
  if (!isObject(given)) {
    throw new InvalidArgument(`The definition of a task must be an object, not ${shown(given)}.`);
  }
  checkTaskId(definition.id);
  for (const key in given) {
    const value = given[key];
    if (value === undefined) continue;
    const check = CHECKS.get(key);
    if (check === undefined) throw unknownKey(definition.id, key);
    const problem = check(value);
    if (problem !== undefined) throw invalidValue(definition.id, key, problem);
  }
  if (definition.function !== undefined) refuseCommandKeys(definition);
  if (definition.literal !== true) {
    checkPatterns(definition.id, 'inputs', definition.inputs);
    checkPatterns(definition.id, 'outputs', definition.outputs);
  }
}

function refuseCommandKeys(definition: TaskDefinition): void {
  const key = OF_COMMANDS.find((key) => definition[key] !== undefined);
  if (key === undefined) return;
  throw new InvalidArgument(
    `Task ${shown(definition.id)} has both "function" and "${key}", which is for commands only.`,
  );
}

function checkPatterns(id: TaskId, key: string, patterns: readonly string[] | undefined): void {
  const slow = slowPattern(patterns ?? []);
  if (slow !== undefined)
    throw new InvalidArgument(`${quote(key)} of task ${shown(id)} hold ${shown(slow)}, ${TOO_SLOW}.`);
  if (patterns === undefined || !onlyExcludes(patterns)) return;
  throw new InvalidArgument(`${quote(key)} of task ${shown(id)} only leave files out, so there are none.`);
}

function checkTaskId(id: TaskId): void {
  if (typeof id !== 'string') throw new InvalidTaskId(`A task id must be a string, not ${shown(id)}.`);
  if (id.length === 0) throw new InvalidTaskId('A task id must not be empty.');
  if (id.length * 3 <= MAX_ID_BYTES && !id.includes('\0') && id.isWellFormed()) return;
  const short = shown(id);
  if (id.includes('\0')) throw new InvalidTaskId(`Task id ${short} contains a NUL character.`);
  if (!id.isWellFormed()) throw new InvalidTaskId(`Task id ${short} is not valid Unicode.`);
  const bytes = Buffer.byteLength(id);
  if (bytes > MAX_ID_BYTES) {
    throw new InvalidTaskId(`Task id ${short} has ${bytes} bytes; the limit is ${MAX_ID_BYTES}.`);
  }
}

function unknownKey(id: TaskId, key: string): InvalidArgument {
  const keys = Object.keys(DEFINITION);
  const similar = key === DEPENDENCIES_IN_MANIFESTS ? 'here it is "dependencies"' : didYouMean(key, keys);
  const hint = similar ?? `known are ${keys.join(', ')}`;
  return new InvalidArgument(`Task ${shown(id)} has an unknown key ${shown(key)} (${hint}).`);
}

function invalidValue(id: TaskId, key: string, { where, must, value }: Problem): InvalidArgument {
  return new InvalidArgument(`${quote(key + where)} of task ${shown(id)} ${must}; it is ${shown(value)}.`);
}
