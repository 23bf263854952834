import type { BuildHistory, RunId } from '../../src/store/history/history.js';
import type { Outcome } from '../../src/task.js';

/** The order of tasks in a run is that of the one before, but that each may change places with one that was up to so far behind it. */
const SHUFFLE = 200;
/** Every so many tasks, one is flaky. */
const FLAKY = 50;

/** What a run came to. */
export interface MadeUpRun {
  readonly id: RunId;
  readonly counts: { readonly executed: number; readonly cached: number; readonly failed: number };
}

/**
 * Runs as they might have been: tasks take 20 to 400 ms, more or less; of what they see, half changes from run to run; 15 % are restored; some
 * fail, and most of these are tried again in the same run. The same each time.
 */
export class MadeUpHistory {
  private seed = 12_345;
  private readonly order: number[];
  private readonly durations: readonly number[];
  private readonly keys: string[];

  constructor(tasks: number) {
    this.order = Array.from({ length: tasks }, (_, task) => task);
    this.durations = this.order.map(() => Math.exp(3 + 3 * this.random()));
    this.keys = this.order.map(() => this.key());
  }

  /** Begins a run, and adds its attempts. */
  addRun(history: BuildHistory): MadeUpRun {
    const id = history.beginRun({ targets: [], jobs: 8 });
    const counts = { executed: 0, cached: 0, failed: 0 };
    this.change();
    for (const task of this.order) {
      for (const outcome of this.outcomes(task)) {
        counts[outcome]++;
        this.addAttempt(history, task, outcome);
      }
    }
    return { id, counts };
  }

  private change(): void {
    for (let at = 0; at < this.order.length; at++) {
      if (this.random() < 0.5) this.keys[at] = this.key();
      const other = Math.min(this.order.length - 1, at + Math.floor(SHUFFLE * this.random()));
      [this.order[at], this.order[other]] = [this.order[other]!, this.order[at]!];
    }
  }

  private outcomes(task: number): (Outcome & ('executed' | 'cached' | 'failed'))[] {
    const isFlaky = task % FLAKY === 0;
    const last = this.random() < 0.15 ? 'cached' : 'executed';
    if (this.random() >= (isFlaky ? 0.1 : 0.003)) return [last];
    return isFlaky || this.random() < 0.5 ? ['failed', last] : ['failed'];
  }

  private addAttempt(history: BuildHistory, task: number, outcome: Outcome): void {
    history.addAttempt({
      ...{ task: `packages/package-${task % 100}#task-${task}`, start: Date.now(), outcome },
      ...{ duration: this.durations[task]! * (0.8 + 0.4 * this.random()), key: this.keys[task]! },
    });
  }

  private key(): string {
    const half = (): string =>
      Math.floor(2 ** 32 * this.random())
        .toString(16)
        .padStart(8, '0');
    return half() + half();
  }

  /** Mulberry32. */
  private random(): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
