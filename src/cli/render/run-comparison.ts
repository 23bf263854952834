import { describeReason } from '../../artifacts/reason.js';
import type { RunComparison, Seen, SeenDifference } from '../../engine/run-comparison.js';
import { quote } from '../../errors.js';
import { display, number } from './text.js';

/** Of a digest, as many as tell it apart for a person. */
const DIGEST_CHARACTERS = 12;

/** The lines that a person reads. */
export function describeComparison({ task, runs, differences }: RunComparison): string[] {
  const lines = differences.map((difference) => `    ${describeDifference(difference)}`);
  return [
    display(task),
    ...runs.map(describeSeen),
    ...(lines.length > 0 ? ['  what it saw differs:', ...lines] : ['  what it saw is the same']),
  ];
}

function describeSeen({ run, attemptedIn, outcome }: Seen): string {
  const when = attemptedIn === run ? '' : ` (as of run ${number(attemptedIn)})`;
  return `  run ${number(run)}: ${outcome}${when}`;
}

function describeDifference(difference: SeenDifference): string {
  switch (difference.kind) {
    case 'command-changed':
    case 'environment-changed':
      return display(describeReason(difference));
    case 'input-added':
      return `+ ${display(quote(difference.path))} ${short(difference.after)}`;
    case 'input-removed':
      return `- ${display(quote(difference.path))} ${short(difference.before)}`;
    case 'input-changed':
      return `  ${display(quote(difference.path))} ${short(difference.before)} → ${short(difference.after)}`;
  }
}

const short = (content: string): string => content.slice(0, DIGEST_CHARACTERS);
