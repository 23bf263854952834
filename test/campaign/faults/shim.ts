import { execFileSync, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../../../test/campaign/faults/shim.c', import.meta.url));

/** Bytes of the counter that all processes share. */
const COUNT_BYTES = 8;

const TIMEOUT_MS = 60_000;

/**
 * A pipe that all which a command starts inherits, and nobody uses: it is at its end when the last of them is. Node.js has what it inherits
 * closed in its children, but looks for it only up to the first gap behind descriptor 15.
 */
const ALIVE = 20;
const STDIO = [
  'ignore',
  'pipe',
  'pipe',
  ...Array.from({ length: ALIVE - 3 }, () => 'ignore' as const),
  'pipe',
] as const satisfies StdioOptions;

/** The calls that shim.c tells apart. */
export type Call =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'rename'
  | 'mkdir'
  | 'unlink'
  | 'link'
  | 'truncate'
  | 'spawn';

/** What is to happen to the Nth call on a file of the project. */
export interface Injection {
  readonly call: Call;
  /** The error that it fails with, without having happened; `kill`: the process is killed as the call begins. */
  readonly how: keyof typeof constants.errno | 'kill';
  readonly nth: number;
}

/** What came of a process. */
export interface Ended {
  /** False if there was no Nth call. */
  readonly hit: boolean;
  /** When it was started. */
  readonly begun: number;
  /** True if a process that it left behind was not over in time. */
  readonly hangs: boolean;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why there can be no campaign here; undefined if there can. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has LD_PRELOAD';
  return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'there is no gcc';
}

/** Stands between a process and the calls that it makes on files (see shim.c). */
export class Shim {
  readonly #library: string;
  readonly #count: string;

  private constructor(library: string, count: string) {
    this.#library = library;
    this.#count = count;
  }

  /** @param folder for what it needs itself */
  static build(folder: string): Shim {
    const library = join(folder, 'shim.so');
    execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl', '-lpthread']);
    return new Shim(library, join(folder, 'count'));
  }

  /**
   * Runs a command whose calls on files below `folder`, where it runs, fail once, or are recorded. It has ended when all that it has started has,
   * also what goes on in the background.
   * @param record a file for that
   */
  run(
    [program, ...args]: readonly string[],
    folder: string,
    injection?: Injection,
    record?: string,
  ): Promise<Ended> {
    writeFileSync(this.#count, Buffer.alloc(COUNT_BYTES));
    const env = { ...process.env, ...this.#variables(folder, injection, record) };
    const begun = Date.now();
    return new Promise((resolve, reject) => {
      const options = { cwd: folder, env, stdio: STDIO, timeout: TIMEOUT_MS, killSignal: 'SIGQUIT' } as const;
      const child = spawn(program!, args, options);
      let [stdout, stderr] = ['', ''];
      child.stdout!.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stderr!.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      const alive = (child.stdio as readonly unknown[])[ALIVE] as Socket;
      alive.resume();
      let hangs = false;
      const deadline = setTimeout(() => {
        hangs = true;
        alive.destroy();
      }, 2 * TIMEOUT_MS);
      child.on('error', reject);
      child.on('close', (exitCode, signal) => {
        clearTimeout(deadline);
        const hit = injection !== undefined && this.#counted() >= injection.nth;
        resolve({ hit, begun, hangs, exitCode, signal, stdout, stderr });
      });
    });
  }

  #counted(): number {
    return Number(readFileSync(this.#count).readBigInt64LE());
  }

  #variables(
    folder: string,
    injection: Injection | undefined,
    record: string | undefined,
  ): NodeJS.ProcessEnv {
    const own = { LD_PRELOAD: this.#library, FAULT_ROOT: folder, FAULT_COUNT: this.#count };
    if (injection === undefined) return record === undefined ? own : { ...own, FAULT_RECORD: record };
    const { call, how, nth } = injection;
    const error = how === 'kill' ? 0 : constants.errno[how];
    return { ...own, FAULT_CALL: call, FAULT_NTH: String(nth), FAULT_ERROR: String(error) };
  }
}
