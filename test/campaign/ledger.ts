import type { BuildEvent } from '../../src/engine/events.js';
import { above, type CampaignTask, type Graph } from './graph.js';

/** What millrace has promised: kept outside of it, from nothing but its acknowledged events. */
export class Ledger {
  /** Tasks acknowledged in all: each time counts. */
  acknowledged = 0;
  private readonly graph: Graph;
  private readonly completed = new Set<string>();
  private readonly settled = new Set<string>();
  private readonly known = new Set<number>();

  constructor(graph: Graph) {
    this.graph = graph;
  }

  /** Ids of tasks that the state must call Completed. */
  get mustBeCompleted(): ReadonlySet<string> {
    return this.completed;
  }

  /** Ids of tasks that must not run again. */
  get mustNotRun(): ReadonlySet<string> {
    return this.settled;
  }

  /** Numbers of runs that the history must have. */
  get runs(): readonly number[] {
    return [...this.known];
  }

  /** Notes what a run has told and committed. */
  hear(events: readonly BuildEvent[]): void {
    const through = Math.max(0, ...events.map((event) => (event.type === 'committed' ? event.through : 0)));
    for (const event of events) {
      if (event.type === 'run-started' && event.seq <= through) this.known.add(event.run);
      if (event.type !== 'task-finished' || event.seq > through) continue;
      if (event.outcome !== 'executed' && event.outcome !== 'fresh') continue;
      this.acknowledged++;
      this.completed.add(event.task);
      this.settled.add(event.task);
    }
  }

  /** Any task may run from now on, whether it has to or not. */
  forced(): void {
    this.completed.clear();
  }

  /** These tasks will come out otherwise, and with them all that read from them. */
  changed(roots: Iterable<number>): void {
    const indexes = [...roots];
    this.drop(
      this.settled,
      above(this.graph, indexes, ({ inputs }) => inputs),
    );
    this.drop(this.completed, above(this.graph, indexes, allDependencies));
  }

  /** These tasks have to run again and will come out the same: what needs them waits, but does not run. */
  undone(roots: Iterable<number>): void {
    const indexes = [...roots];
    this.drop(this.settled, indexes);
    this.drop(this.completed, above(this.graph, indexes, allDependencies));
  }

  private drop(from: Set<string>, indexes: Iterable<number>): void {
    for (const index of indexes) from.delete(this.graph.tasks[index]!.id);
  }
}

function allDependencies({ inputs, orderOnly }: CampaignTask): number[] {
  return [...inputs, ...orderOnly];
}
