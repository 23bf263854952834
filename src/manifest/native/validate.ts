import type { z } from 'zod';
import { didYouMean } from '../../hint.js';
import { type Document, type Path, shown } from './document.js';
import { Problems } from './problems.js';
import { keysAt, manifestSchema, type RawManifest } from './schema.js';

type Issue = z.core.$ZodIssue;

/**
 * Checks a document against the schema.
 * @throws ManifestError for the first thing in the file that doesn't fit
 */
export function validate(document: Document): RawManifest {
  const problems = new Problems(document);
  checkTexts(document.value, [], problems);
  problems.throwFirst();
  const result = manifestSchema.safeParse(document.value);
  for (const issue of result.error?.issues ?? []) report(issue, problems);
  problems.throwFirst();
  return result.data!;
}

/** Refuses what no process, path or task id can hold, and the one key that isn't like others in JavaScript. */
function checkTexts(value: unknown, path: Path, problems: Problems): void {
  if (typeof value === 'string') {
    const reason = unusable(value);
    if (reason) problems.atValue(path, `the text ${reason}`);
  } else if (Array.isArray(value)) {
    value.forEach((child, index) => {
      checkTexts(child, [...path, index], problems);
    });
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      const reason = key === '__proto__' ? 'is not allowed' : unusable(key);
      if (reason) problems.atKey([...path, key], `the key ${shown(key)} ${reason}`);
      checkTexts(child, [...path, key], problems);
    }
  }
}

function unusable(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character';
  return text.isWellFormed() ? undefined : 'is not valid Unicode';
}

function report(issue: Issue, problems: Problems, base: Path = []): void {
  const path = [...base, ...(issue.path as Path)];
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) {
      problems.atKey([...path, key], `unknown key ${shown(key)}`, () => hintForKey(key, path));
    }
    return;
  }
  const inner = issue.code === 'invalid_union' ? innerIssue(issue.errors) : undefined;
  if (inner) report(inner, problems, path);
  else problems.atValue(path, `${nameOf(path)} ${issue.message}`);
}

/** What is wrong with a value if it is none of those that an alternative is about. */
const OF_ANOTHER_TYPE = new Set<Issue['code']>(['invalid_type', 'invalid_union', 'invalid_value']);

/** The issue within the one alternative that fits but for it; none if the value is of no alternative's type. */
function innerIssue(alternatives: readonly Issue[][]): Issue | undefined {
  const isOfType = ({ code }: Issue) => !OF_ANOTHER_TYPE.has(code);
  return alternatives.flat().find((issue) => issue.path.length > 0 || isOfType(issue));
}

/** What other build tools call a key of ours. */
const NAMES_ELSEWHERE = new Map([
  ['dependencies', 'deps'],
  ['dependsOn', 'deps'],
  ['depends_on', 'deps'],
  ['run', 'command'],
  ['script', 'command'],
]);

function hintForKey(key: string, path: Path): string | undefined {
  const keys = keysAt(path);
  const ours = NAMES_ELSEWHERE.get(key);
  if (ours !== undefined && keys.includes(ours)) return `here it is ${shown(ours)}`;
  return didYouMean(key, keys) ?? `known here: ${keys.join(', ')}`;
}

function nameOf(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return 'the manifest';
  return typeof last === 'string' ? shown(last) : `an entry of ${shown(String(path.at(-2)))}`;
}
