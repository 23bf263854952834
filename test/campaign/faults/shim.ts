import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Ending, runToEnd } from './to-end.js';

const SOURCE = fileURLToPath(new URL('../../../../test/campaign/faults/shim.c', import.meta.url));

/** Bytes of the counter that all processes share. */
const COUNT_BYTES = 8;

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

/** What came of a process in which something was to fail. */
export interface Ended extends Ending {
  /** False if there was no Nth call. */
  readonly hit: boolean;
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

  /** Runs a command whose calls on files below `folder`, where it runs, fail once, or are recorded. @param record a file for that */
  async run(
    command: readonly string[],
    folder: string,
    injection?: Injection,
    record?: string,
  ): Promise<Ended> {
    writeFileSync(this.#count, Buffer.alloc(COUNT_BYTES));
    const env = { ...process.env, ...this.#variables(folder, injection, record) };
    const ending = await runToEnd(command, folder, env);
    return { ...ending, hit: injection !== undefined && this.#counted() >= injection.nth };
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
