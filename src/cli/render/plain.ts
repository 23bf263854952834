import type { BuildEvent } from '../../engine/events.js';
import type { Renderer } from './renderer.js';
import { Report, type ReportOptions } from './report.js';

/** Lines for a pipe, a file or a CI log: each task when it is done, in one piece. */
export class PlainRenderer implements Renderer {
  private readonly options: ReportOptions;
  private readonly report: Report;

  constructor(options: ReportOptions) {
    this.options = options;
    this.report = new Report(options);
  }

  /** While a task has the terminal, what the others have to say is kept: only its start is told. */
  handle(event: BuildEvent): void {
    const { printer, progress } = this.options;
    const wasTaken = progress.consoleTaken;
    progress.apply(event);
    this.report.handle(event);
    if (wasTaken && progress.consoleTaken) return;
    if (progress.consoleTaken || event.type === 'run-finished') printer.flush();
    else printer.flushSoon();
  }

  notice(message: string): void {
    this.report.notice(message);
    this.options.printer.flush();
  }

  warning(message: string): void {
    this.report.warning(message);
    this.options.printer.flush();
  }

  [Symbol.dispose](): void {
    this.options.printer.flush();
  }
}
