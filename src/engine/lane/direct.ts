import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Attempt } from './attempt.js';
import type { LaneCommand } from './command.js';
import { exitCodeOf, signalDescendants, signalTree } from './processes.js';
import type { Runner, RunnerOwner } from './runner.js';
import { oddVariables } from './script.js';
import { startProcess, whyNoDirectory, withBackoff } from './spawn.js';

const WINDOWS = process.platform === 'win32';

/**
 * Runs commands by `child_process.spawn`: those that get the terminal, and all of them where no lane can be had.
 * The command is in a process group of its own unless it has the terminal. If this process is killed, it goes on.
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
    // The command is gone, but not all of its group need be; with the terminal it has none.
    if (attempt.stopped && command.console !== true) this.#signal('SIGKILL');
    this.#child = undefined;
    // What the command wrote is with the system by now: the next turn of the event loop reads it. A straggler is not waited for.
    await nextTurn();
    await nextTurn();
    for (const stream of streams) stream?.destroy();
    attempt.ended(exitCodeOf(code, signal));
  }

  #signal(signal: NodeJS.Signals): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined) return true;
    if (WINDOWS || this.#attempt?.command.console === true) signalDescendants(pid, signal);
    else signalTree(pid, signal);
    return true;
  }
}

function spawnCommand(command: LaneCommand, baseEnv: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const terminal = command.console === true;
  const options: SpawnOptions = {
    cwd: command.cwd,
    env: { ...baseEnv, ...command.env },
    detached: !terminal && !WINDOWS,
    stdio: terminal ? 'inherit' : ['ignore', 'pipe', 'pipe'],
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
  return startProcess('/bin/sh', ['-c', `exec "$@"${terminal ? '' : ' 2>&1'}`, 'sh', ...words], options);
}
