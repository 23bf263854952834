import { describeReason } from '../../artifacts/reason.js';
import type { RunComparison, Seen } from '../../engine/run-comparison.js';
import type { SeenDifference } from '../../engine/seen.js';
import { quote } from '../../errors.js';
import { display, number } from './text.js';

/** Of a digest, as many as tell it apart for a person. */
const DIGEST_CHARACTERS = 12;

/** The lines that a person reads. */
export function describeComparison({ task, runs, differences }: RunComparison): string[] {
  const versions = runs.map(({ version }) => version);
  const [before, after] = versions;
  const isOther = before !== after && before !== undefined && after !== undefined;
  const lines = differences.map((difference) => `    ${describeSeenDifference(difference)}`);
  return [
    display(task),
    ...runs.map(describeSeen),
    ...(isOther ? [`  by another millrace: ${display(before)} → ${display(after)}`] : []),
    ...(lines.length > 0 ? ['  what it saw differs:', ...lines] : ['  what it saw is the same']),
  ];
}

function describeSeen({ run, attemptedIn, outcome }: Seen): string {
  const when = attemptedIn === run ? '' : ` (as of run ${number(attemptedIn)})`;
  return `  run ${number(run)}: ${outcome}${when}`;
}

export function describeSeenDifference(difference: SeenDifference): string {
  if (difference.kind === 'command-changed' || difference.kind === 'environment-changed') {
    return display(describeReason(difference));
  }
  const { path, producer } = difference;
  const maker = producer === undefined ? '' : `, made by ${display(quote(producer))}`;
  return `${MARKS[difference.kind]} ${display(quote(path))} ${contents(difference)}${maker}`;
}

type FileDifference = Exclude<SeenDifference, { readonly kind: 'command-changed' | 'environment-changed' }>;

const MARKS: Readonly<Record<FileDifference['kind'], string>> = {
  'input-added': '+',
  'input-removed': '-',
  'input-changed': ' ',
};

function contents(difference: FileDifference): string {
  if (difference.kind === 'input-added') return short(difference.after);
  if (difference.kind === 'input-removed') return short(difference.before);
  return `${short(difference.before)} → ${short(difference.after)}`;
}

const short = (content: string): string => content.slice(0, DIGEST_CHARACTERS);
