import type { BuildEvent } from '../../engine/events.js';

/** Shows a run as its events come. */
export interface Renderer extends Disposable {
  handle(event: BuildEvent): void;
  /** Tells a person at once about the run itself. */
  notice(message: string): void;
  /** Something is odd, but the run goes on. */
  warning(message: string): void;
  /** Writes what is held back and leaves the terminal clean. May be called again. */
  [Symbol.dispose](): void;
}
