import { MillraceError } from 'millrace';
import type { AttachedState } from '../../../src/state.js';
import { FIRST_OWN, nameOf } from './cast.js';
import type { CrewInput } from './orders.js';

/** What one thread has defined, and not removed yet, at most: room for all of it is in the table of owners. */
const MAX_TASKS = 24;

/** Why a change may be refused: others have claimed or need the task, or the edge would close a cycle. */
const EXPECTED: ReadonlySet<string> = new Set([
  'ILLEGAL_TRANSITION',
  'TASK_NEEDED',
  'DEPENDENCY_CYCLE',
  'SELF_DEPENDENCY',
]);

const TAKEN_BACK = new Error('taken back');

/** Defines and removes tasks of its own, and edges between them and others. */
export class Restructurer {
  private readonly state: AttachedState;
  private readonly input: CrewInput;
  private readonly random: () => number;
  private readonly prefix: string;
  private readonly names: string[] = [];
  /** What each of them is said to have made. */
  private readonly artifacts = new Map<string, string>();
  private serial = 0;

  constructor(state: AttachedState, input: CrewInput, seed: number, random: () => number) {
    this.state = state;
    this.input = input;
    this.random = random;
    this.prefix = `new-${input.thread}-${seed}`;
  }

  step(): void {
    try {
      this.change();
    } catch (error) {
      if (error !== TAKEN_BACK && !(error instanceof MillraceError && EXPECTED.has(error.code))) throw error;
    }
  }

  private change(): void {
    const { graph } = this.state;
    const dice = this.below(5);
    const name = this.any(this.names);
    if (name === undefined || (dice === 0 && this.names.length < MAX_TASKS)) this.define();
    else if (dice === 1 || dice === 0) this.remove(name);
    else if (dice === 2) graph.add(name, this.dependency());
    else if (dice === 3) this.removeEdge(name);
    else this.transact(name);
  }

  private define(): void {
    const first = this.newName();
    const dependencies = [...new Set([this.dependency(), this.dependency()])];
    const second = { id: this.newName(), dependencies: [first] };
    this.state.tasks.define([second, { id: first, dependencies, priority: this.below(1000) }]);
    this.names.push(first, second.id);
  }

  private remove(name: string): void {
    this.state.tasks.remove(name);
    this.names.splice(this.names.indexOf(name), 1);
    this.artifacts.delete(name);
  }

  /** Nobody else says what a task of this thread has made. */
  private checkArtifact(name: string): void {
    const [is, said] = [this.state.tasks.get(name).artifact, this.artifacts.get(name)];
    if (is !== said) throw new Error(`${name} has made ${is}, not ${said}`);
  }

  private removeEdge(name: string): void {
    const dependency = this.any(this.state.graph.dependenciesOf(name));
    if (dependency !== undefined) this.state.graph.remove(name, dependency);
  }

  /** Defines, changes and removes; every second time all of it is taken back. */
  private transact(name: string): void {
    const { tasks, graph, transaction } = this.state;
    const isTakenBack = this.below(2) === 0;
    const added = this.newName();
    const version = `${this.below(10)}`.repeat(64);
    this.checkArtifact(name);
    transaction(() => {
      tasks.setArtifact(name, version);
      tasks.define({ id: added, dependencies: [name] });
      graph.add(added, this.dependency());
      tasks.reset(name);
      if (isTakenBack) throw TAKEN_BACK;
      tasks.remove(added);
    });
    this.artifacts.set(name, version);
    this.checkArtifact(name);
  }

  /** Any task that a new one may depend on. */
  private dependency(): string {
    const own = this.below(4) === 0 ? this.any(this.names) : undefined;
    return own ?? nameOf(FIRST_OWN + this.below(this.input.size - FIRST_OWN));
  }

  private newName(): string {
    return `${this.prefix}-${this.serial++}`;
  }

  private any(names: readonly string[]): string | undefined {
    return names[this.below(names.length)];
  }

  private below(end: number): number {
    return Math.floor(this.random() * end);
  }
}
