import type { BuildEvent } from '../../engine/events.js';
import type { LiveLine } from './live-line.js';
import type { Renderer } from './renderer.js';
import { Report, type ReportOptions } from './report.js';
import { statusLine } from './status-line.js';

/** Milliseconds between two drawings: what comes in between is written in one go. */
const FRAME_MS = 100;

export interface TerminalOptions extends ReportOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Called once, when something runs, or outputs are restored for longer than a frame. */
  openLine(): Promise<LiveLine>;
  /** Calls back every so many milliseconds until the function that it returns is called. */
  every(milliseconds: number, callback: () => void): () => void;
}

/**
 * For a person at a terminal: what runs at the moment on a live line, above it the output of what is done.
 * Writes at most once per frame, however many events come.
 */
export class TerminalRenderer implements Renderer {
  private readonly options: TerminalOptions;
  private readonly report: Report;
  private line: LiveLine | undefined;
  private isOpening = false;
  private stopFrames: (() => void) | undefined;

  constructor(options: TerminalOptions) {
    this.options = options;
    this.report = new Report(options);
  }

  handle(event: BuildEvent): void {
    const { progress } = this.options;
    const wasTaken = progress.consoleTaken;
    progress.apply(event);
    this.report.handle(event);
    if (event.type === 'task-started') this.open();
    if (event.type === 'task-started' || isRestored(event)) this.startFrames();
    if (progress.consoleTaken && !wasTaken) this.leave();
    if (event.type === 'run-finished') this[Symbol.dispose]();
  }

  notice(message: string): void {
    this.report.notice(message);
    this.frame();
  }

  warning(message: string): void {
    this.report.warning(message);
    this.frame();
  }

  [Symbol.dispose](): void {
    this.stopFrames?.();
    this.leave();
  }

  private startFrames(): void {
    this.stopFrames ??= this.options.every(FRAME_MS, () => this.frame());
  }

  /** Loading the line takes 30 ms: beside a command that is no loss, else it waits for the first frame. */
  private open(): void {
    if (this.isOpening) return;
    this.isOpening = true;
    void this.options.openLine().then((line) => {
      this.line = line;
    });
  }

  private frame(): void {
    const { printer, progress, now } = this.options;
    if (progress.consoleTaken) return;
    if (!printer.isEmpty) this.leave();
    if (this.stopFrames === undefined) return;
    this.open();
    this.line?.draw(statusLine(progress, now()));
  }

  /** Writes what is to stay, and no live line below it. */
  private leave(): void {
    this.line?.erase();
    this.options.printer.flush();
  }
}

/** Nothing is told of the start of such a task, and a run may have no others. */
function isRestored(event: BuildEvent): boolean {
  return event.type === 'task-finished' && event.outcome === 'cached';
}
