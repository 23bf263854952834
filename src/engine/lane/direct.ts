import type { ChildProcess, IOType } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { Attempt } from './attempt.js';
import type { LaneCommand } from './command.js';
import { exitCodeOf, signalDescendants, signalTree } from './processes.js';
import type { Runner, RunnerOwner } from './runner.js';
import { LEAVE, oddVariables, watchdog } from './script.js';
import { startProcess, whyNoDirectory, withBackoff } from './spawn.js';

const WINDOWS = process.platform === 'win32';
const TERMINAL_FDS = [0, 1, 2] as const;
/** Where the watchdog of a command reads. */
const WATCHDOG_FD = 3;

/**
 * Runs commands by `child_process.spawn`: those that get the terminal, and all of them where no lane can be had.
 * The command is in a process group of its own unless it has a terminal. If this process is killed, a watchdog kills the command.
 */
export class DirectRunner implements Runner {
  readonly #env: NodeJS.ProcessEnv;
  readonly #owner: RunnerOwner;
  #attempt: Attempt | undefined;
  #child: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(env: NodeJS.ProcessEnv, owner: RunnerOwner) {
    this.#env = env;
    this.#owner = owner;
  }

  get closed(): Promise<void> {
    return this.#running;
  }

  run(attempt: Attempt): void {
    this.#attempt = attempt;
    attempt.begin((signal) => this.#signal(signal));
    this.#running = this.#execute(attempt).then(() => {
      this.#attempt = undefined;
      this.#owner.idle(this);
    });
  }

  close(): Promise<void> {
    this.#attempt?.cancel();
    return this.#running;
  }

  kill(): void {
    this.#attempt?.cancel();
    this.#signal('SIGKILL');
  }

  async #execute(attempt: Attempt): Promise<void> {
    const { command } = attempt;
    let child: ChildProcess;
    try {
      child = await withBackoff(() => spawnCommand(command, this.#env));
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      attempt.failed(missing ? whyNoDirectory(command.cwd) : (error as Error).message);
      return;
    }
    this.#child = child;
    if (attempt.stopped) this.#signal('SIGTERM');
    const streams = [child.stdout, child.stderr];
    for (const stream of streams) stream?.on('data', attempt.append);
    const [code, signal] = await once(child, 'exit');
    // The command is gone, but not all of its group need be.
    if (attempt.stopped && hasGroup(command)) this.#signal('SIGKILL');
    this.#child = undefined;
    const pipe = child.stdio[WATCHDOG_FD] as Writable | undefined;
    pipe?.on('error', () => {}).end(LEAVE);
    // What the command wrote is with the system by now: the next turn of the event loop reads it. A straggler is not waited for.
    await nextTurn();
    await nextTurn();
    for (const stream of streams) stream?.destroy();
    attempt.ended(exitCodeOf(code, signal));
  }

  #signal(signal: NodeJS.Signals): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined) return true;
    if (hasGroup(this.#attempt!.command)) signalTree(pid, signal);
    else signalDescendants(pid, signal);
    return true;
  }
}

/** With a terminal a command stays in the group of this process, which is the one that may read from it and that Ctrl-C is sent to. */
function hasGroup({ console: isConsole }: LaneCommand): boolean {
  return !WINDOWS && !(isConsole === true && TERMINAL_FDS.some((fd) => isatty(fd)));
}

function spawnCommand(command: LaneCommand, baseEnv: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const terminal = command.console === true;
  const streams: IOType[] = terminal ? ['inherit', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'];
  const options = {
    cwd: command.cwd,
    env: { ...baseEnv, ...command.env },
    detached: hasGroup(command),
    stdio: streams,
    windowsHide: true,
  };
  const { command: what } = command;
  if (WINDOWS) {
    return typeof what === 'string'
      ? startProcess(what, [], { ...options, shell: true })
      : startProcess(what[0]!, what.slice(1), options);
  }
  const odd = oddVariables(command.env);
  const words = [
    ...(odd.length > 0 ? ['env', ...odd] : []),
    ...(typeof what === 'string' ? ['/bin/sh', '-c', what] : what),
  ];
  // The outer shell gives both streams one pipe, which keeps their order, and tells a missing program by 127.
  const script = `${watchdog(options.detached ? 'kill -9 0' : ':')}\nexec 3<&-\nexec "$@"${terminal ? '' : ' 2>&1'}`;
  const stdio: IOType[] = [...streams, 'pipe'];
  return startProcess('/bin/sh', ['-c', script, 'sh', ...words], { ...options, stdio });
}
