import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ArtifactTables, createArtifacts, FileScanner, TaskChecker } from '../../src/artifacts/index.js';
import { TaskTable } from '../../src/memory/table.js';
import type { Row, TaskDefinition } from '../../src/task.js';
import { TaskManager } from '../../src/tasks/task-manager.js';

const LONG_AGO = new Date('2001-02-03T04:05:06Z');

/** A folder that is removed at the end of the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-artifacts-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A project with its tables; every `run` is what a new process would see of it. */
export class Project {
  readonly root: string;
  readonly table = TaskTable.create();
  readonly tasks = new TaskManager(this.table);
  readonly artifacts: ArtifactTables = createArtifacts();
  environment: Record<string, string | undefined> = {};

  constructor(t: TestContext) {
    this.root = temporaryFolder(t);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true });
  }

  /** Gives the file an old mtime; its ctime becomes now. */
  age(name: string): void {
    utimesSync(this.path(name), LONG_AGO, LONG_AGO);
  }

  define(...definitions: TaskDefinition[]): void {
    this.tasks.replaceAll(definitions);
    this.artifacts.taskFiles.refresh(this.table, this.root);
  }

  row(id: string): Row {
    return this.tasks.rowOf(id);
  }

  scanner(): FileScanner {
    return new FileScanner(this.artifacts.files, this.artifacts.contents, { root: this.root });
  }

  checker(scanner = this.scanner()): TaskChecker {
    return new TaskChecker({
      table: this.table,
      artifacts: this.artifacts,
      scanner,
      root: this.root,
      exclude: ['.millrace'],
      environment: this.environment,
    });
  }

  /** The reason for a task in a run of its own, or 'fresh'. */
  async reason(id: string) {
    const scanner = this.scanner();
    const checker = this.checker(scanner);
    await scanner.scan(checker.filesOf(Int32Array.of(this.row(id))));
    const verdict = checker.check(this.row(id));
    return verdict.fresh ? 'fresh' : verdict.reason;
  }

  /** Runs a task as an engine does; `body` is the command. */
  async run(
    id: string,
    body: () => void | Promise<void> = () => {},
    discovered: string[] = [],
  ): Promise<readonly string[]> {
    const scanner = this.scanner();
    const checker = this.checker(scanner);
    const inputs = checker.inputsOf(this.row(id));
    const start = checker.begin(this.row(id), inputs);
    await body();
    const { files } = this.artifacts;
    const found = Int32Array.from(discovered, (path) => files.intern(path));
    return (await checker.recordSuccess(this.row(id), { inputs, discovered: found, start })).missing;
  }
}

/** Until what was written before this call counts as old. */
export async function becomeOld(): Promise<void> {
  const end = Date.now() + 25;
  while (Date.now() < end) await delay(5);
}
