import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from './graph.js';
import type { Ledger } from './ledger.js';
import type { Project } from './project.js';

/** Changes a project at random between two runs, and tells the ledger what does not hold any more. */
export class Editor {
  private readonly project: Project;
  private readonly ledger: Ledger;
  private readonly random: () => number;
  private edits = 0;

  constructor(project: Project, ledger: Ledger, random: () => number) {
    this.project = project;
    this.ledger = ledger;
    this.random = random;
  }

  /** One edit. */
  edit(): void {
    const edits = [
      () => this.changeSource(this.pick(this.graph.sources), false),
      () => this.changeSource(this.pick(this.graph.sources), this.random() < 0.3),
      () => this.changeCommand(this.pick(this.graph.tasks)),
      () => this.removeOutput(this.pick(this.graph.tasks)),
      () => this.project.writeSource(this.graph.sources[this.pick(this.graph.sources)]!),
    ];
    edits[this.pick(edits)]!();
  }

  /** Makes all broken sources whole. */
  repair(): void {
    this.graph.sources.forEach(({ broken }, source) => {
      if (broken) this.changeSource(source, false);
    });
  }

  private get graph(): Graph {
    return this.project.graph;
  }

  private changeSource(index: number, broken: boolean): void {
    const source = this.graph.sources[index]!;
    source.text = `source ${index}, edit ${++this.edits}`;
    source.broken = broken;
    this.project.writeSource(source);
    this.ledger.changed(
      indexesOf(this.graph.tasks, ({ sources, discovered }) => [...sources, ...discovered].includes(index)),
    );
  }

  private changeCommand(index: number): void {
    this.graph.tasks[index]!.salt++;
    this.project.writeManifest();
    this.ledger.changed([index]);
  }

  private removeOutput(index: number): void {
    rmSync(join(this.project.directory, this.graph.tasks[index]!.id), { force: true });
    this.ledger.undone([index]);
  }

  private pick(list: readonly unknown[]): number {
    return Math.floor(this.random() * list.length);
  }
}

function indexesOf<T>(list: readonly T[], matches: (item: T) => boolean): number[] {
  return list.flatMap((item, index) => (matches(item) ? [index] : []));
}
