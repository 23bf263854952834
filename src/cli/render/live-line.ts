import { createLogUpdate } from 'log-update';
import sliceAnsi from 'slice-ansi';
import type { Output } from '../context.js';

/**
 * A line at the bottom of a terminal that is drawn again and again, while other text scrolls by above it.
 * The cursor is never hidden, so it needs no restoring, however the process ends.
 */
export class LiveLine {
  private readonly terminal: Output;
  private readonly update: ReturnType<typeof createLogUpdate>;

  constructor(terminal: Output) {
    this.terminal = terminal;
    this.update = createLogUpdate(terminal as NodeJS.WriteStream, { showCursor: true });
  }

  /** Shows the text in place of the last one, cut off where the terminal ends. */
  draw(text: string): void {
    const width = (this.terminal.columns ?? 80) - 1;
    const fits = sliceAnsi(text, 0, width) === text;
    this.update(fits ? text : `${sliceAnsi(text, 0, width - 1)}…`);
  }

  /** Takes the line away; the cursor is where it began. */
  erase(): void {
    this.update.clear();
  }
}
