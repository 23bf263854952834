import { isAbsolute } from 'node:path';
import { InvalidArgument, quote } from './errors.js';
import { didYouMean } from './hint.js';

export interface Problem {
  /** Below the key: `[2]`, `.PATH`, or nothing. */
  readonly where: string;
  /** `must be …` */
  readonly must: string;
  readonly value: unknown;
}

export interface Check {
  (value: unknown): Problem | undefined;
  /** Nobody is told of such an option. */
  readonly isInternal?: true;
}

/** Of an option that is not for users. */
export const internal = (check: Check): Check =>
  Object.assign((value: unknown) => check(value), { isInternal: true as const });

/** For what is checked elsewhere. */
export const anything: Check = () => undefined;

export const wrong = (must: string, value: unknown): Problem => ({ where: '', must, value });

export const boolean: Check = (value) =>
  typeof value === 'boolean' ? undefined : wrong('must be true or false', value);

/** Enough for a name that is looked up: it is found, or it isn't. */
export const string: Check = (value) =>
  typeof value === 'string' ? undefined : wrong('must be a string', value);

/** May hold anything that UTF-8 can: half of a surrogate pair is no character, and does not survive it. */
export const unicode: Check = (value) =>
  typeof value !== 'string' || value.isWellFormed() ? string(value) : wrong('must be valid Unicode', value);

export const text: Check = (value) =>
  typeof value === 'string' && value.includes('\0') ? wrong('must not hold a NUL', value) : unicode(value);

export const filled: Check = (value) => (value === '' ? wrong('must not be empty', value) : text(value));

export const callable: Check = (value) =>
  typeof value === 'function' ? undefined : wrong('must be a function', value);

export const milliseconds: Check = (value) =>
  typeof value === 'number' && value >= 0
    ? undefined
    : wrong('must be a number of milliseconds of at least 0', value);

export const absolutePath: Check = (value) =>
  typeof value === 'string' && isAbsolute(value) ? text(value) : wrong('must be an absolute path', value);

export const abortSignal: Check = (value) =>
  value instanceof AbortSignal ? undefined : wrong('must be an AbortSignal', value);

export const oneOf =
  (values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string) ? undefined : wrong(`must be one of ${values.join(', ')}`, value);

export const wholeFrom = (least: number): Check =>
  whole(least, Number.POSITIVE_INFINITY, `of at least ${least}`);

export const wholeBetween = (least: number, most: number): Check =>
  whole(least, most, `from ${least} to ${most}`);

function whole(least: number, most: number, bounds: string): Check {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : wrong(`must be a whole number ${bounds}`, value);
}

/** Deeper than what people write, and far from the end of the stack. */
const MAX_JSON_DEPTH = 100;

/** What JSON gives back as it was: a `Date`, a `Map`, `NaN` or a function is refused; a key without a value is left out. */
export const jsonValue: Check = (value) => jsonProblem(value, MAX_JSON_DEPTH);

function jsonProblem(value: unknown, depth: number): Problem | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : wrong('must be a finite number', value);
  }
  if (depth === 0)
    return wrong(`must not be nested more than ${MAX_JSON_DEPTH} deep, nor hold itself`, value);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const problem = jsonProblem(value[index], depth - 1);
      if (problem !== undefined) return { ...problem, where: `[${index}]${problem.where}` };
    }
    return undefined;
  }
  if (!isPlain(value)) return wrong('must be what JSON can hold', value);
  for (const key in value) {
    const problem = value[key] === undefined ? undefined : jsonProblem(value[key], depth - 1);
    if (problem !== undefined) return { ...problem, where: `.${key}${problem.where}` };
  }
  return undefined;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of another realm, there is another `Object`.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function listOf(entry: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return wrong('must be a list of strings', value);
    for (let index = 0; index < value.length; index++) {
      const problem = entry(value[index]);
      if (problem !== undefined) return { ...problem, where: `[${index}]` };
    }
    return undefined;
  };
}

export function recordOf(entry: Check): Check {
  return (value) => {
    if (!isObject(value)) return wrong('must be an object', value);
    for (const name in value) {
      const problem = entry(value[name]);
      if (problem !== undefined) return { ...problem, where: `.${name}` };
    }
    return undefined;
  };
}

/** True for patterns of which each begins with `!`, if there are any. */
export function onlyExcludes(patterns: readonly string[]): boolean {
  return patterns.length > 0 && patterns.every((pattern) => pattern.startsWith('!'));
}

/** So many `*` a part of a path may hold in a pattern, and so many `**` the whole: to match a name takes time by that power of its length. */
const MAX_STARS = 4;

export const TOO_SLOW = `which could take for ever to match: it may hold ${MAX_STARS} "*" in a part of a path, and ${MAX_STARS} "**"`;

/** The first pattern that could take for ever to match. */
export function slowPattern(patterns: readonly string[]): string | undefined {
  return patterns.find((pattern) => starsOf(pattern) > MAX_STARS);
}

/** The most `*` that one part of a path may have to match, or the number of `**` if that is more; of alternatives (`{a,b}`) the one with most; some on end count as one. */
function starsOf(pattern: string): number {
  let most = pattern.match(/(?<=^|\/|!)\*\*(?=\/|$)/g)?.length ?? 0;
  const open = [{ here: 0, other: 0 }];
  for (const [token] of pattern.matchAll(/\\.|\*+|[{(,|)}/]/gs)) {
    const group = open.at(-1)!;
    if (token.startsWith('*')) group.here++;
    else if (token === '{' || token === '(') open.push({ here: 0, other: 0 });
    else if ((token === '}' || token === ')') && open.length > 1) {
      open.pop();
      open.at(-1)!.here += Math.max(group.here, group.other);
    } else if ((token === ',' || token === '|') && open.length > 1) {
      group.other = Math.max(group.other, group.here);
      group.here = 0;
    } else if (token === '/' && open.length === 1) group.here = 0;
    most = Math.max(
      most,
      open.reduce((sum, { here }) => sum + here, 0),
    );
  }
  return most;
}

/** What an `async` function returns. */
export function isPromiseLike(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | undefined | null)?.then === 'function';
}

/** The same, if it is no promise: what one does comes too late, and is then said by nobody. @throws InvalidArgument */
export function refusePromise<Result>(result: Result, message: string): Result {
  if (!isPromiseLike(result)) return result;
  (result as PromiseLike<unknown>).then(undefined, () => {});
  throw new InvalidArgument(message);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Checks what a caller gives a function as options, so that a slip is told and not ignored.
 * @param what whose options they are, for the message
 * @param required keys that must be there
 * @throws InvalidArgument that names the key
 */
export function checkOptions(
  what: string,
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  required: readonly string[] = [],
): void {
  if (!isObject(options))
    throw new InvalidArgument(`The options of ${what} must be an object, not ${shown(options)}.`);
  for (const key of new Set([...Object.keys(options), ...required])) {
    const value = options[key];
    if (!Object.hasOwn(checks, key)) throw unknownOption(what, key, checks);
    if (value === undefined && !required.includes(key)) continue;
    const problem = checks[key]!(value);
    if (problem === undefined) continue;
    const { where, must, value: found } = problem;
    throw new InvalidArgument(`${quote(key + where)} of ${what} ${must}; it is ${shown(found)}.`);
  }
}

function unknownOption(what: string, key: string, checks: Readonly<Record<string, Check>>): InvalidArgument {
  const known = Object.keys(checks).filter((name) => checks[name]!.isInternal !== true);
  const hint = didYouMean(key, known) ?? `known are ${known.join(', ')}`;
  return new InvalidArgument(`${what} has no option ${shown(key)} (${hint}).`);
}

/** A value in a few words, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quote(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  const kind = value.constructor?.name;
  return typeof kind === 'string' && kind !== '' && kind !== 'Object'
    ? `an object of class ${kind}`
    : 'an object';
}
