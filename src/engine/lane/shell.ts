import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { exitCodeOf, signalTree } from './processes.js';
import { LEAVE, READY, SETUP } from './script.js';
import { startProcess } from './spawn.js';

/** How a lane's shell ended. */
export interface ShellExit {
  readonly exitCode: number;
  /** False if it ended by itself, which it does when its scripts end, or when it can start no process. */
  readonly killed: boolean;
}

/**
 * The two processes of a lane, a shell that reads scripts and its watchdog, in a group of their own. Keeps this process
 * alive only between `hold` and `unhold`.
 */
export class LaneShell {
  readonly pid: number;
  /** Settles when the shell is gone, and all that it reported is told. */
  readonly exit: Promise<ShellExit>;
  /** Settles when the watchdog is gone. */
  readonly unguarded: Promise<void>;
  /** Gets each line that the shell reports. */
  onReport: (line: string) => void = () => {};
  readonly #child: ChildProcess;
  readonly #scripts: Socket;
  readonly #reports: Socket;
  readonly #watchdog: Socket;
  #partialLine = '';

  /**
   * Starts a shell; takes 1 to 2 ms, and more the more memory this process has.
   *
   * @throws If it cannot be started (`code` as of `child_process`) or does not set itself up.
   */
  static async start(path: string, env: NodeJS.ProcessEnv): Promise<LaneShell> {
    const stdio = ['pipe', 'pipe', 'ignore', 'pipe'] as const;
    const shell = new LaneShell(
      await startProcess(path, [], { detached: true, cwd: '/', env, stdio: [...stdio] }),
    );
    const ready = new Promise<boolean>((resolve) => {
      shell.onReport = (line) => resolve(line === READY);
      shell.exit.then(() => resolve(false));
    });
    shell.write(SETUP);
    if (await ready) return shell;
    shell.signal('SIGKILL');
    shell.destroy();
    throw new Error(`The shell ${path} did not set itself up as a lane.`);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid!;
    [this.#scripts, this.#reports, , this.#watchdog] = child.stdio as unknown as [
      Socket,
      Socket,
      null,
      Socket,
    ];
    const allReported = new Promise((resolve) => this.#reports.once('close', resolve));
    this.exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const exit = { exitCode: exitCodeOf(code, signal), killed: signal !== null };
        allReported.then(() => resolve(exit));
      });
    });
    this.unguarded = new Promise((resolve) => this.#watchdog.once('close', () => resolve()));
    // Writing to a shell that has just died fails; that it died is told by `exit`.
    for (const socket of [this.#scripts, this.#reports, this.#watchdog]) socket.on('error', () => {});
    this.#reports.on('data', (chunk: Buffer) => this.#read(chunk));
    // Only to notice its end.
    this.#watchdog.resume();
    child.unref();
    this.#scripts.unref();
    this.#watchdog.unref();
  }

  /** Sends a script to be read once all before are done. */
  write(script: string): void {
    this.#scripts.write(script);
  }

  hold(): void {
    this.#reports.ref();
    // A shell that dies closes its reports before its exit is told.
    this.#child.ref();
  }

  unhold(): void {
    this.#reports.unref();
    this.#child.unref();
  }

  /** Lets the shell end after the scripts sent so far; the watchdog stays. */
  endScripts(): void {
    this.#scripts.end();
  }

  /** Sends the watchdog away: from now on nothing is killed if this process dies. */
  dismissWatchdog(): void {
    this.#watchdog.end(LEAVE);
  }

  /** Signals the shell, the watchdog and all that they have started. */
  signal(signal: NodeJS.Signals): void {
    signalTree(this.pid, signal);
  }

  /** Closes our ends; without `dismissWatchdog` before, the watchdog kills the group. */
  destroy(): void {
    for (const socket of [this.#scripts, this.#reports, this.#watchdog]) socket.destroy();
  }

  #read(chunk: Buffer): void {
    const lines = (this.#partialLine + chunk.toString('latin1')).split('\n');
    this.#partialLine = lines.pop()!;
    for (const line of lines) this.onReport(line);
  }
}
