import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RUNGS, type Rung } from './oracle.js';
import { wordsForPermissions } from './permissions.js';
import type { Played } from './player.js';
import { makeTemplate, type Template } from './template.js';

const PLAYER = fileURLToPath(new URL('./player.js', import.meta.url));
/** A round takes some 50 ms, 300 if it verifies in a child. */
const DEADLINE_MS = 60_000;
/** Rounds of one process: the memory of closed states waits for V8's next collection. */
const ROUNDS_AT_ONCE = 250;

export interface DamageResult {
  readonly rounds: number;
  readonly rungs: Readonly<Record<Rung, number>>;
  /** Rounds in which something that was planted or forbidden kept the state from being opened, until it was taken away. */
  readonly refused: number;
  readonly findings: readonly string[];
}

/** Damages copies of a state directory, and opens them in a process that a crash may end: then the next one goes on. */
export async function runDamage(
  rounds: number,
  seed: number,
  onRound?: (played: number, finding: string | undefined) => void,
): Promise<DamageResult> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-damage-'));
  const template = await makeTemplate(folder);
  const rungs = Object.fromEntries(RUNGS.map((rung) => [rung, 0])) as Record<Rung, number>;
  let refused = 0;
  const findings: string[] = [];
  let next = seed;
  const tell = (finding: string | undefined): void => {
    if (finding !== undefined) findings.push(finding);
    onRound?.(next - seed, finding);
  };
  while (next < seed + rounds) {
    const left = Math.min(seed + rounds - next, ROUNDS_AT_ONCE);
    const end = await playFrom(next, left, template, folder, (played) => {
      next = played.seed + 1;
      rungs[played.rung]++;
      if (played.isRefused) refused++;
      tell(played.finding && describe(played.seed, played.what, played.finding));
    });
    if (end === undefined) continue;
    next++;
    tell(describe(next - 1, end.what, end.how));
  }
  rmSync(folder, { recursive: true, force: true });
  return { rounds, rungs, refused, findings };
}

function describe(seed: number, what: string, finding: string): string {
  return `Round ${seed} (again: node dist/test/campaign/damage.js --rounds 1 --seed ${seed}): ${what}: ${finding}`;
}

/** @returns how the process ended, if that was no good end */
async function playFrom(
  first: number,
  count: number,
  template: Template,
  folder: string,
  onPlayed: (played: Played) => void,
): Promise<{ readonly what: string; readonly how: string } | undefined> {
  const permissions = wordsForPermissions();
  const args = [
    PLAYER,
    JSON.stringify(template),
    folder,
    String(first),
    String(count),
    String(!!permissions),
  ];
  const [command, ...words] = [...(permissions ?? []), process.execPath, ...args];
  const child = spawn(command!, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-2000);
  });
  const watch = new Watch(child);
  let what = '';
  const ended = new Promise<{ what: string; how: string } | undefined>((resolve) => {
    child.once('close', (code, signal) => {
      const how = watch.hasFired ? 'it did not end' : (signal ?? `exit code ${code}`);
      resolve(code === 0 ? undefined : { what, how: `${how} ${stderr}` });
    });
  });
  for await (const line of createInterface({ input: child.stdout })) {
    watch.renew();
    const said = JSON.parse(line) as Played | { readonly begins: string };
    if ('begins' in said) what = said.begins;
    else onPlayed(said);
  }
  watch.stop();
  return await ended;
}

/** Kills a process that says nothing for too long. */
class Watch {
  readonly #child: ChildProcess;
  #timer: NodeJS.Timeout | undefined;
  hasFired = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.renew();
  }

  renew(): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.hasFired = true;
      this.#child.kill('SIGKILL');
    }, DEADLINE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
