import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomFrom } from '../engine/lane-support.js';
import { leftovers, MAIN, makeTemplate, wrongOutputs } from './faults/scenarios.js';

const THREADS = fileURLToPath(new URL('./many-process.js', import.meta.url));
const PROCESSES = 8;
/** How often one of them kills another, on average. */
const KILLS = 12;

/** What is done to the state, and what it may end with: 3 is for a state that somebody else holds, or has just taken away. */
const DEEDS: readonly (readonly [args: readonly string[], exitCodes: readonly number[]])[] = [
  [['run', '--wait', '--json'], [0]],
  [['run', '--wait', '-k0', '--force', '--json'], [0]],
  [['run'], [0, 3]],
  [['status'], [0, 3]],
  [
    ['history', '--json'],
    [0, 3],
  ],
  [
    ['why', 'join'],
    [0, 3],
  ],
  [['graph'], [0, 3]],
  [['backup'], [0, 1, 3]],
  [['restore'], [0, 1, 3]],
  [
    ['export', '--history'],
    [0, 1, 3],
  ],
  [
    ['import', 'state.toml'],
    [0, 1, 3],
  ],
  [['gc'], [0, 3]],
  [['verify'], [0, 1, 3]],
  [['artifacts'], [0, 3]],
];

export interface ManyResult {
  /** How often each was done. */
  readonly deeds: Readonly<Record<string, number>>;
  readonly killed: number;
  /** One sentence each, and how to see it again. */
  readonly findings: readonly string[];
}

/**
 * Processes, and one of them with eight threads, run, read, back up, restore, export, import and collect one state directory, and kill each other. None may end
 * by a signal of its own or with an exit code that says nothing; in the end a run must succeed, and the state be whole.
 */
export async function runMany(
  seconds: number,
  seed: number,
  onFinding?: (finding: string) => void,
): Promise<ManyResult> {
  const findings: string[] = [];
  const again = `node dist/test/campaign/many.js --seconds ${seconds} --seed ${seed}`;
  const begun = performance.now();
  const find = (what: string): void => {
    const after = Math.round((performance.now() - begun) / 1000);
    const finding = `After ${after} s (again, but what is done when is up to the system: ${again}): ${what}`;
    findings.push(finding);
    onFinding?.(finding);
  };
  const folder = mkdtempSync(join(tmpdir(), 'millrace-many-'));
  const project = join(folder, 'project');
  try {
    makeTemplate(project);
    const crowd = new Crowd(project, find);
    const end = performance.now() + seconds * 1000;
    await Promise.all(
      Array.from({ length: PROCESSES }, (_, index) => crowd.work(end, randomFrom(seed + index))),
    );
    await crowd.settle();
    return { deeds: crowd.deeds, killed: crowd.killed, findings };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Crowd {
  readonly deeds: Record<string, number> = {};
  killed = 0;
  readonly #project: string;
  readonly #find: (what: string) => void;
  readonly #running = new Set<ChildProcess>();

  constructor(project: string, find: (what: string) => void) {
    this.#project = project;
    this.#find = find;
  }

  /** @param random chooses what this one does, whatever the others do */
  async work(end: number, random: () => number): Promise<void> {
    while (performance.now() < end) {
      const at = Math.floor(random() * (DEEDS.length + 1));
      const deed = DEEDS[at];
      if (deed === undefined) await this.#do([THREADS, join(this.#project, '.millrace')], [0, 1]);
      else await this.#do([MAIN, ...deed[0]], deed[1]);
      if (random() < 0.3) writeFileSync(join(this.#project, 'in/two'), `${random()}\n`);
      if (random() * KILLS < 1) this.#killOne();
    }
  }

  /** Nobody is at work any more. */
  async settle(): Promise<void> {
    await this.#do([MAIN, 'run', '--json'], [0]);
    await this.#do([MAIN, 'verify', '--repair'], [0]);
    await this.#do([MAIN, 'run', '--json'], [0]);
    [...wrongOutputs(this.#project), ...leftovers(this.#project)].forEach(this.#find);
  }

  #killOne(): void {
    const [victim] = this.#running;
    if (victim?.kill('SIGKILL')) this.killed++;
  }

  #do(args: readonly string[], exitCodes: readonly number[]): Promise<void> {
    const name = args[0] === THREADS ? 'threads' : args.slice(1).join(' ');
    this.deeds[name] = (this.deeds[name] ?? 0) + 1;
    return new Promise((resolve) => {
      const child = spawn(process.execPath, args, {
        cwd: this.#project,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 120_000,
      });
      this.#running.add(child);
      let said = '';
      for (const stream of [child.stdout!, child.stderr!]) {
        stream.on('data', (chunk: Buffer) => {
          said = (said + chunk.toString()).slice(-1000);
        });
      }
      child.on('close', (exitCode, signal) => {
        this.#running.delete(child);
        const isWrong = signal !== 'SIGKILL' && (exitCode === null || !exitCodes.includes(exitCode));
        if (isWrong) this.#find(`${name} ended with ${exitCode ?? signal}: ${said}`);
        resolve();
      });
    });
  }
}
