import type { Difference } from '../../artifacts/compare.js';
import { describeReason, type Reason } from '../../artifacts/reason.js';
import type { Explanation, LastRun, Link, NextRun } from '../../engine/why.js';
import { quote } from '../../errors.js';
import type { WhyCommandOptions } from '../options.js';
import { describeSeenDifference } from './run-comparison.js';
import { ago, display, duration, number } from './text.js';
import { ending, failureMessage, inBrackets } from './wording.js';

/** Differences of one kind that are shown unless all are asked for. */
const MAX_SHOWN = 20;

const OUTCOME_WORDS: Readonly<Partial<Record<LastRun['outcome'], string>>> = {
  executed: 'ran',
  cached: 'restored',
  'timed-out': 'failed',
  'not-started': 'not started',
};

/** The lines that a person reads. */
export function describeExplanation(
  { task, last, next, chain = [] }: Explanation,
  options: WhyCommandOptions,
  now: number,
): string[] {
  return [
    display(task),
    ...describeLast(last, options.verbose === true, now),
    ...describeNext(next, options.verbose === true),
    ...(chain.length > 0 ? describeChain(chain) : []),
  ];
}

function describeLast(last: LastRun | undefined, verbose: boolean, now: number): string[] {
  if (last === undefined) return ['  last run: none'];
  const { run, start, outcome, reason } = last;
  const hasNoEnd = outcome === 'not-started' || outcome === 'running';
  const how = hasNoEnd ? undefined : ending({ ...last, outcome });
  const took = last.duration === undefined ? '' : `, ${duration(last.duration)}`;
  const what = (OUTCOME_WORDS[outcome] ?? outcome) + inBrackets(how);
  const line = `  last run: ${number(run)}, ${ago(now - start)}: ${what}${took}`;
  return [
    line,
    ...(reason === undefined ? [] : [`    ${describeCause(reason)}`]),
    ...seenOtherwise(last, verbose).map((line) => `      ${line}`),
    ...failureMessage(last).map((message) => `    ${message}`),
  ];
}

/** What the reason does not say already: it names one thing. */
function seenOtherwise({ differences = [] }: LastRun, verbose: boolean): string[] {
  if (differences.length < 2 && !verbose) return [];
  return cut(differences.map(describeSeenDifference), verbose);
}

function describeNext({ verdict, differences, dependency }: NextRun, verbose: boolean): string[] {
  if (verdict === 'fresh') return ['  next run: fresh'];
  if (verdict === 'undecided') {
    return [`  next run: runs it, unless it is fresh after ${display(quote(dependency!))}, which runs first`];
  }
  const before = dependency === undefined ? '' : `, after ${display(quote(dependency))}`;
  return [`  next run: runs it${before}`, ...listed(differences, verbose).map((line) => `    ${line}`)];
}

/** A line for each; those of one kind stand together, and are cut. */
function listed(differences: readonly Difference[], verbose: boolean): string[] {
  const kinds = new Map<Difference['kind'], Difference[]>();
  for (const difference of differences) {
    const same = kinds.get(difference.kind);
    if (same === undefined) kinds.set(difference.kind, [difference]);
    else same.push(difference);
  }
  return [...kinds.values()].flatMap((same) => cut(same.map(describeCause), verbose));
}

function cut(lines: readonly string[], verbose: boolean): string[] {
  const shown = verbose ? lines : lines.slice(0, MAX_SHOWN);
  const more = lines.length - shown.length;
  return [...shown, ...(more > 0 ? [`... and ${number(more)} more (-v shows all)`] : [])];
}

function describeChain(chain: readonly Link[]): string[] {
  return [
    '  cause:',
    ...chain.map(({ task, run, cause }, depth) => {
      const when = run === undefined ? '' : ` (run ${number(run)})`;
      const why = cause === undefined ? '' : `: ${describeCause(cause)}`;
      return `    ${'  '.repeat(depth)}${display(task)}${when}${why}`;
    }),
  ];
}

function describeCause(cause: NonNullable<Link['cause']>): string {
  if (typeof cause === 'string') return display(cause);
  if (cause.kind === 'blocked') return `blocked by ${display(quote(cause.task))}`;
  if (cause.kind === 'failed')
    return [`failed${inBrackets(ending(cause))}`, ...failureMessage(cause)].join(': ');
  const counted = { count: 1, ...cause };
  return display(describeReason(counted) + maker(cause));
}

/** Nothing for several files: it would be that of the first only. */
function maker(cause: Difference | Reason): string {
  if ('count' in cause && cause.count > 1) return '';
  if ('producer' in cause && cause.producer !== undefined) return `, made by ${quote(cause.producer)}`;
  return cause.kind === 'input-missing' ? ', and no task makes it' : '';
}
