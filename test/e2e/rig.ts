import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Reason } from '../../src/artifacts/reason.js';
import type { BuildEvent } from '../../src/engine/events.js';
import { isAlive, until } from '../engine/lane-support.js';

const CLI = fileURLToPath(new URL('../../bundle/cli/main.cjs', import.meta.url));

/** Nothing here takes so long, even on a busy machine. Milliseconds. */
const DEADLINE_MS = 60_000;

/** In the environment of all that a test starts, so that what it leaves behind is found. */
const MARK = 'MILLRACE_TEST_MARK';

type EventOf<Type> = Extract<BuildEvent, { type: Type }>;
/** An event as it stands in the JSON; `task-finished` has text instead of bytes. */
export type JsonEvent =
  | Exclude<BuildEvent, { type: 'task-finished' }>
  | (Omit<EventOf<'task-finished'>, 'output'> & { output: string; outputBase64?: string })
  | { type: 'error'; seq: number; code: string; message: string };
export type JsonEventOf<Type> = Extract<JsonEvent, { type: Type }>;

export interface Options {
  readonly env?: Readonly<Record<string, string>>;
  /** Relative to the project. */
  readonly cwd?: string;
  /** Called for each event, as soon as it is read. */
  readonly onEvent?: (event: JsonEvent) => void;
}

/** What a finished invocation of the command line has left. */
export interface Result {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** What `--json` printed. */
  readonly events: readonly JsonEvent[];
}

/** A command line that runs. */
export class Invocation {
  readonly result: Promise<Result>;
  private readonly child: ChildProcess;
  private readonly stdout: Buffer[] = [];
  private readonly stderr: Buffer[] = [];
  private readonly events: JsonEvent[] = [];
  private readonly listener: ((event: JsonEvent) => void) | undefined;
  private unread = '';

  constructor(child: ChildProcess, onEvent?: (event: JsonEvent) => void) {
    this.child = child;
    this.listener = onEvent;
    child.stdout!.on('data', (chunk: Buffer) => this.read(chunk));
    child.stderr!.on('data', (chunk: Buffer) => this.stderr.push(chunk));
    this.result = this.untilClosed();
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until something was written to stderr. */
  async untilTold(what: RegExp): Promise<void> {
    await until(`${what} on stderr`, () => what.test(Buffer.concat(this.stderr).toString()));
  }

  private untilClosed(): Promise<Result> {
    return new Promise((done, fail) => {
      const deadline = setTimeout(() => {
        this.child.kill('SIGKILL');
        fail(
          new Error(`millrace did not end.\n${Buffer.concat(this.stdout)}\n${Buffer.concat(this.stderr)}`),
        );
      }, DEADLINE_MS);
      this.child.on('error', fail);
      this.child.on('close', (exitCode, signal) => {
        clearTimeout(deadline);
        const stderr = Buffer.concat(this.stderr).toString();
        done({ exitCode, signal, stdout: Buffer.concat(this.stdout), stderr, events: this.events });
      });
    });
  }

  private read(chunk: Buffer): void {
    this.stdout.push(chunk);
    if (this.unread === '' && chunk[0] !== '{'.charCodeAt(0)) return;
    const lines = (this.unread + chunk.toString()).split('\n');
    this.unread = lines.pop()!;
    for (const line of lines.filter((line) => line.startsWith('{"v":1,"seq":'))) {
      const event = JSON.parse(line) as JsonEvent;
      this.events.push(event);
      this.listener?.(event);
    }
  }
}

/** A pipe with a name: a command that reads it goes on when the test says so. */
export class Gate implements Disposable {
  private readonly descriptor: number;

  constructor(path: string) {
    execFileSync('mkfifo', [path]);
    // Open for both, the opening waits for no partner, and what is written stays until it is read.
    this.descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /** Lets so many readers pass that read a line each. */
  open(readers = 1): void {
    writeSync(this.descriptor, 'go\n'.repeat(readers));
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

/** A temporary folder with a manifest, on which the real command line works. Nothing is left of it after the test. */
export class Project {
  readonly directory: string;
  private readonly mark: string;

  constructor(t: TestContext, files: Readonly<Record<string, string>> = {}) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-e2e-')));
    this.mark = `${MARK}=${this.directory}`;
    for (const [path, content] of Object.entries(files)) this.write(path, content);
    t.after(() => this.remove());
  }

  path(...parts: string[]): string {
    return resolve(this.directory, ...parts);
  }

  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
  }

  /** Writes millrace.json with these tasks. */
  writeTasks(tasks: Readonly<Record<string, object>>, rest: object = {}): void {
    this.write('millrace.json', JSON.stringify({ ...rest, tasks }, undefined, 2));
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  exists(path: string): boolean {
    return lstatSync(this.path(path), { throwIfNoEntry: false }) !== undefined;
  }

  delete(...paths: string[]): void {
    for (const path of paths) rmSync(this.path(path), { recursive: true });
  }

  gate(name: string): Gate {
    return new Gate(this.path(name));
  }

  /** Waits until a command has made a file. */
  async untilExists(path: string): Promise<void> {
    await until(`there is ${path}`, () => this.exists(path));
  }

  /** What starts the command line. */
  commandLine(args: readonly string[]): [string, ...string[]] {
    return [process.execPath, CLI, ...args];
  }

  /** The same for a shell. */
  shellLine(args: readonly string[]): string {
    return this.commandLine(args)
      .map((word) => `'${word}'`)
      .join(' ');
  }

  start(args: readonly string[], options: Options = {}): Invocation {
    return this.spawn(this.commandLine(args), options);
  }

  /** Starts another program, watched like the command line. */
  spawn([program, ...args]: readonly [string, ...string[]], options: Options = {}): Invocation {
    const { PATH = '', HOME = '/' } = process.env;
    const child = spawn(program, args, {
      cwd: this.path(options.cwd ?? '.'),
      env: { PATH, HOME, LC_ALL: 'C.UTF-8', [MARK]: this.directory, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Invocation(child, options.onEvent);
  }

  /** Runs the command line to its end. */
  millrace(args: readonly string[], options: Options = {}): Promise<Result> {
    return this.start(args, options).result;
  }

  /** `millrace run --json`, which must succeed: the tasks that were started, with the reasons, in order. */
  async build(args: readonly string[] = [], options: Options = {}): Promise<Map<string, Reason>> {
    const result = await this.millrace(['run', '--json', ...args], options);
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(result.stderr, '');
    return started(result);
  }

  /** What a command prints with `--json`. */
  async json<Value>(args: readonly string[], options: Options = {}): Promise<Value> {
    const result = await this.millrace([...args, '--json'], options);
    assert.equal(result.exitCode, 0, explain(result));
    return JSON.parse(result.stdout.toString()) as Value;
  }

  /**
   * Every file and folder with all that can be seen of it from outside, but for when it was last read. Of the table in
   * which LMDB notes who reads, only that it is there.
   */
  snapshot(): Map<string, object> {
    const entries = readdirSync(this.directory, { recursive: true, withFileTypes: true });
    const paths = [
      '',
      ...entries.map((entry) => relative(this.directory, join(entry.parentPath, entry.name))),
    ];
    return new Map(paths.sort().map((path) => [path, this.describe(path)]));
  }

  /** The processes that were started in this project and still run. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && this.isMarked(name))
      .map(Number)
      .filter(isAlive);
  }

  private describe(path: string): object {
    if (path.endsWith('store/lock.mdb')) return {};
    const stat = lstatSync(this.path(path));
    const digest = stat.isFile() ? hash('sha256', readFileSync(this.path(path))) : undefined;
    const { mode, size, mtimeMs, ctimeMs, ino } = stat;
    return { mode, size, mtimeMs, ctimeMs, ino, digest };
  }

  private isMarked(pid: string): boolean {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(this.mark);
    } catch {
      return false;
    }
  }

  private async remove(): Promise<void> {
    try {
      await until('no process is left', () => this.processes().length === 0);
    } finally {
      for (const pid of this.processes()) process.kill(pid, 'SIGKILL');
      rmSync(this.directory, { recursive: true, force: true });
    }
  }
}

/** For the message of an assertion. */
export function explain({ exitCode, signal, stdout, stderr }: Result): string {
  return `ended with ${exitCode ?? signal}\n${stdout.subarray(0, 10_000)}\n${stderr.slice(0, 10_000)}`;
}

export function eventsOf<Type extends JsonEvent['type']>(
  { events }: Pick<Result, 'events'>,
  type: Type,
): JsonEventOf<Type>[] {
  return events.filter((event): event is JsonEventOf<Type> => event.type === type);
}

/** The tasks that were started, or restored from an earlier execution, with the reasons, in order. */
export function started(result: Result): Map<string, Reason> {
  const renewed = new Map<string, Reason>();
  for (const event of result.events) {
    if (event.type !== 'task-started' && event.type !== 'task-finished') continue;
    if (event.reason !== undefined) renewed.set(event.task, event.reason);
  }
  return renewed;
}

/** The last attempts at tasks, by task. */
export function finished(result: Result): Map<string, JsonEventOf<'task-finished'>> {
  return new Map(eventsOf(result, 'task-finished').map((event) => [event.task, event]));
}

export function summary(result: Result): JsonEventOf<'run-finished'> {
  const last = result.events.at(-1);
  assert.equal(last?.type, 'run-finished', explain(result));
  return last as JsonEventOf<'run-finished'>;
}
