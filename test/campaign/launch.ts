import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BuildEvent } from '../../src/engine/events.js';

const MAIN = fileURLToPath(new URL('../../bundle/cli/main.cjs', import.meta.url));
const CALLS = new URL('./calls.js', import.meta.url).href;

/** Says at which call `calls.ts` kills its process. */
export const CALL_VARIABLE = 'MILLRACE_CAMPAIGN_CALL';

/** Milliseconds after which a run that has not ended is stuck: many times what the largest needs. */
const DEADLINE_MS = 60_000;

/** When to kill: so many milliseconds after the nth event of a type, or after the start; or at the nth call that changes files. */
export interface KillMoment {
  readonly after: 'start' | 'task-started' | 'task-finished' | 'committed' | 'run-finished' | 'call';
  readonly count: number;
  readonly delay: number;
}

export interface LaunchOptions {
  readonly directory: string;
  readonly stateDirectory: string;
  /** The command, and its options. */
  readonly words: readonly string[];
  /** Is in the environment of the process and of all that it starts. */
  readonly mark: Readonly<Record<string, string>>;
  readonly kill?: KillMoment | undefined;
}

/** What was heard of a run until its process ended. */
export interface Ending {
  readonly how: 'exited' | 'killed' | 'stuck';
  /** Undefined if a signal ended it. */
  readonly exitCode: number | undefined;
  readonly events: readonly BuildEvent[];
  readonly stderr: string;
}

/** Runs millrace until it ends, or until the moment to kill it: that process only, with SIGKILL. */
export async function launch(options: LaunchOptions): Promise<Ending> {
  const { mark, kill } = options;
  const call = kill?.after === 'call' ? { [CALL_VARIABLE]: String(kill.count) } : {};
  const child = spawn(process.execPath, wordsOf(options), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...mark, ...call },
  });
  let how: Ending['how'] = 'exited';
  const end = (as: Ending['how']): void => {
    if (child.kill('SIGKILL')) how = as;
  };
  const deadline = setTimeout(() => end('stuck'), DEADLINE_MS);
  const trigger = new Trigger(kill, () => end('killed'));
  const events: BuildEvent[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const event = parseEvent(line);
    if (event === undefined) return;
    events.push(event);
    trigger.hear(event.type);
  });
  const stderr = collect(child);
  trigger.hear('start');
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(deadline);
  trigger.disarm();
  // It may have ended by itself just before the signal came.
  if (signal === null) how = 'exited';
  else if (signal === 'SIGKILL' && kill?.after === 'call') how = 'killed';
  return { how, exitCode: exitCode ?? undefined, events, stderr: stderr() };
}

/** Runs `millrace gc`, which also removes what killed runs have left in the cache: others do so only when they keep something again. */
export async function collectGarbage(directory: string, stateDirectory: string): Promise<void> {
  const words = [MAIN, 'gc', '-C', directory, '--state', stateDirectory];
  await promisify(execFile)(process.execPath, words, { timeout: DEADLINE_MS });
}

function wordsOf({ directory, stateDirectory, words, kill }: LaunchOptions): string[] {
  return [
    ...(kill?.after === 'call' ? ['--import', CALLS] : []),
    ...[MAIN, ...words, '--json', '-C', directory, '--state', stateDirectory],
  ];
}

/** Acts once, when the moment has come. */
class Trigger {
  private readonly moment: KillMoment | undefined;
  private readonly act: () => void;
  private heard = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(moment: KillMoment | undefined, act: () => void) {
    this.moment = moment;
    this.act = act;
  }

  hear(what: string): void {
    if (what !== this.moment?.after || ++this.heard !== this.moment.count) return;
    if (this.moment.delay === 0) this.act();
    else this.timer = setTimeout(this.act, this.moment.delay);
  }

  disarm(): void {
    clearTimeout(this.timer);
  }
}

/** The last line of a killed process may be cut off. */
/** Undefined for what is none: other commands than `run` print one object, of their own kind. */
function parseEvent(line: string): BuildEvent | undefined {
  try {
    const value = JSON.parse(line) as BuildEvent;
    return value.type === undefined ? undefined : value;
  } catch {
    return undefined;
  }
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stderr!.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
