import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type BuildState, openState } from 'millrace';
import type { TaskState } from '../../src/task.js';
import { temporaryFolder } from '../engine/lane-support.js';

const INDEX = import.meta.resolve('millrace');

/** A directory for a state, not made yet, removed at the end of the test. */
export async function stateDirectory(t: TestContext): Promise<string> {
  return join(await temporaryFolder(t), '.millrace');
}

/** Whatever was put in their place since. */
const NODES = { ...fs };

/**
 * Puts functions in the place of those of `node:fs`, for all modules, until the end of the test.
 * @returns puts those back at once
 */
export function replaceInFs(
  t: TestContext,
  functions: Partial<Record<keyof typeof fs, unknown>>,
): () => void {
  const own = Object.keys(functions).map((name) => [name, NODES[name as keyof typeof fs]] as const);
  const put = (all: object): void => {
    Object.assign(fs, all);
    syncBuiltinESMExports();
  };
  const putBack = (): void => put(Object.fromEntries(own));
  put(functions);
  t.after(putBack);
  return putBack;
}

/** What `node:fs` throws where the system refuses a call. */
export function refusal(code: keyof typeof constants.errno, call: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: refused, ${call}`), {
    ...{ code, errno: -constants.errno[code], syscall: call },
  });
}

export async function withState<T>(
  directory: string,
  body: (state: BuildState) => T | Promise<T>,
  open: typeof openState = openState,
): Promise<T> {
  const state = await open(directory);
  try {
    return await body(state);
  } finally {
    await state.close();
  }
}

/** Everything that can be asked of the tasks. */
export function everything(state: BuildState): { tasks: TaskState[]; counts: object; order: string[] } {
  return { tasks: [...state.tasks.list()], counts: state.tasks.counts(), order: state.graph.order() };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Arguments of a shell that runs module code, which may use `openState` and `directory`, as `"$@"`. */
export function shellArguments(directory: string, code: string, shell: string): string[] {
  const source = `import { openState } from ${JSON.stringify(INDEX)};
const directory = ${JSON.stringify(directory)};
${code}`;
  return ['-c', shell, 'sh', process.execPath, '--input-type=module', '-e', source];
}

/** Runs module code that may use `openState` and `directory` in a process of its own. */
export function runCode(directory: string, code: string, shell = 'exec "$@"'): Promise<Ended> {
  const args = shellArguments(directory, code, shell);
  return new Promise((resolve) => {
    const child = execFile('/bin/sh', args, { timeout: 60_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
    });
  });
}
