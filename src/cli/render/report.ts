import type { Colors } from 'picocolors/types.js';
import { describeReason } from '../../artifacts/reason.js';
import type { BuildEvent, RunSummary, TaskFinished } from '../../engine/events.js';
import type { Printer } from './printer.js';
import type { Progress } from './progress.js';
import { display, displayLines, duration, number } from './text.js';
import { attemptOf, ending, fullLabel, inBrackets, label, ofTask, summarize } from './wording.js';

/** Failures that are named again at the end. */
const MAX_REPEATED = 20;
const NEWLINE = 10;
const ESCAPE = 27;

export interface ReportOptions {
  readonly printer: Printer;
  /** Told of each event before the report is. */
  readonly progress: Progress;
  readonly colors: Colors;
  /** Say when a task starts, why, and its command. */
  readonly verbose: boolean;
  /** Give each task a line when it is done, also if it printed nothing. */
  readonly everyTask: boolean;
  /** Lines after which the first failure is out of sight and is named again at the end. */
  readonly screenful: number;
}

/** What a person reads of a run: output grouped by task, failures, and at the end a summary. */
export class Report {
  private readonly options: ReportOptions;
  private readonly failures: string[] = [];
  private lineOfFirstFailure = 0;
  private blockedGroups = 0;

  constructor(options: ReportOptions) {
    this.options = options;
  }

  handle(event: BuildEvent): void {
    switch (event.type) {
      case 'task-started':
        if (this.options.verbose) this.explain('starting ', event);
        break;
      case 'task-planned':
        this.explain('', event);
        break;
      case 'task-finished':
        this.finished(event);
        break;
      case 'task-blocked':
        if (this.options.verbose) this.line(`blocked: ${display(event.task)} by ${display(event.by)}`);
        break;
      case 'group-blocked':
        this.blockedGroups++;
        if (this.options.verbose)
          this.line(`blocked: ${display(event.task)} (group) by ${display(event.by)}`);
        break;
      case 'warning':
        this.warning(ofTask(event.message, event.task));
        break;
      case 'run-finished':
        this.end(event);
    }
  }

  /** A sentence about the run itself. */
  notice(message: string): void {
    this.options.printer.warn(`millrace: ${display(message)}\n`);
  }

  warning(message: string): void {
    this.notice(`warning: ${message}`);
  }

  private explain(
    prefix: string,
    event: Extract<BuildEvent, { type: 'task-started' | 'task-planned' }>,
  ): void {
    this.line(`${prefix}${label(event)}: ${display(describeReason(event.reason))}`);
    if (this.options.verbose && event.command !== undefined) this.line(`  ${displayLines(event.command)}`);
  }

  private finished(event: TaskFinished): void {
    if (event.outcome === 'failed' || event.outcome === 'timed-out') this.failed(event);
    else if (event.outcome !== 'fresh') this.done(event);
    else if (this.options.verbose) this.line(`${label(event)}: fresh after all`);
    this.output(event);
  }

  private done(event: TaskFinished): void {
    if (!this.options.everyTask && event.output.length === 0) return;
    const how = event.outcome === 'executed' ? duration(event.duration) : event.outcome;
    const again = (event.attempt ?? 1) > 1 ? attemptOf(event) : undefined;
    const { finished, total } = this.options.progress;
    const why =
      this.options.verbose && event.reason !== undefined ? `: ${display(describeReason(event.reason))}` : '';
    this.line(`[${number(finished)}/${number(total)}] ${label(event)}${inBrackets(how, again)}${why}`);
    if (this.options.verbose && event.notKept !== undefined)
      this.line(`  not kept for later: ${display(event.notKept)}`);
  }

  private failed(event: TaskFinished): void {
    const { colors, printer } = this.options;
    const what = fullLabel(event) + inBrackets(ending(event), attemptOf(event));
    this.line(`${colors.red(colors.bold('FAILED:'))} ${what}${event.retrying ? ', trying again' : ''}`);
    // That it was stopped by its timeout is said already.
    if (event.message !== undefined && event.outcome !== 'timed-out') this.line(display(event.message));
    if (event.command !== undefined) this.line(displayLines(event.command));
    if (event.retrying) return;
    if (this.failures.length === 0) this.lineOfFirstFailure = printer.lines;
    this.failures.push(what);
  }

  /** The task's output as it is, but that it ends with a line end and leaves no colour behind. */
  private output({ output, truncated }: TaskFinished): void {
    if (output.length === 0) return;
    this.options.printer.print(output);
    if (this.options.colors.isColorSupported && output.includes(ESCAPE))
      this.options.printer.print('\x1b[0m');
    if (output.at(-1) !== NEWLINE) this.line('');
    if (truncated) this.line('(the output is too long: its middle was left out)');
  }

  private end(summary: RunSummary): void {
    const { colors, printer, screenful } = this.options;
    if (printer.lines - this.lineOfFirstFailure > screenful) this.repeatFailures();
    const paint = { succeeded: colors.green, failed: colors.red, cancelled: colors.yellow }[summary.result];
    this.line(`${paint('millrace:')} ${summarize(summary, this.blockedGroups)}`);
  }

  private repeatFailures(): void {
    for (const what of this.failures.slice(0, MAX_REPEATED)) this.line(`failed: ${what}`);
    const more = this.failures.length - MAX_REPEATED;
    if (more > 0) this.line(`and ${number(more)} more failed`);
  }

  private line(text: string): void {
    this.options.printer.print(`${text}\n`);
  }
}
