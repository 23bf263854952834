import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../../../test/campaign/faults/shim.c', import.meta.url));

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
  readonly #hit: string;

  private constructor(library: string, hit: string) {
    this.#library = library;
    this.#hit = hit;
  }

  /** @param folder for what it needs itself */
  static build(folder: string): Shim {
    const library = join(folder, 'shim.so');
    execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl', '-lpthread']);
    return new Shim(library, join(folder, 'hit'));
  }

  /** Runs a command whose calls on files below `folder`, where it runs, fail once, or are recorded. @param record a file for that */
  run(
    [program, ...args]: readonly string[],
    folder: string,
    injection?: Injection,
    record?: string,
  ): Promise<Ended> {
    rmSync(this.#hit, { force: true });
    const env = { ...process.env, ...this.#variables(folder, injection, record) };
    return new Promise((resolve, reject) => {
      const child = spawn(program!, args, { cwd: folder, env, timeout: 60_000, killSignal: 'SIGQUIT' });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.on('error', reject);
      child.on('close', (exitCode, signal) => {
        resolve({ hit: existsSync(this.#hit), exitCode, signal, stdout, stderr });
      });
    });
  }

  #variables(
    folder: string,
    injection: Injection | undefined,
    record: string | undefined,
  ): NodeJS.ProcessEnv {
    const own = { LD_PRELOAD: this.#library, FAULT_ROOT: folder, FAULT_HIT: this.#hit };
    if (injection === undefined) return record === undefined ? own : { ...own, FAULT_RECORD: record };
    const { call, how, nth } = injection;
    const error = how === 'kill' ? 0 : constants.errno[how];
    return { ...own, FAULT_CALL: call, FAULT_NTH: String(nth), FAULT_ERROR: String(error) };
  }
}
