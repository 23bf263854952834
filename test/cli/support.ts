import { EventEmitter } from 'node:events';
import type { Context, Output } from '../../src/cli/context.js';
import type { GlobalOptions } from '../../src/cli/options.js';
import { createRenderer } from '../../src/cli/render/index.js';
import type { BuildEvent, RunSummary, TaskFinished } from '../../src/engine/events.js';

/** The time at which recorded runs start, in milliseconds since the epoch. */
export const START = 1_800_000_000_000;

/** Remembers what is written to it. */
export class FakeOutput extends EventEmitter implements Output {
  isTTY = false;
  columns = 80;
  rows = 24;
  readonly chunks: Buffer[] = [];

  write(chunk: string | Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk));
    return true;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  /** What was written since the last call. */
  take(): string {
    const { text } = this;
    this.chunks.length = 0;
    return text;
  }
}

export interface FakeContext extends Context {
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;
  /** Milliseconds since `START`. */
  elapsed: number;
}

export function fakeContext(env: NodeJS.ProcessEnv = {}): FakeContext {
  return {
    stdout: new FakeOutput(),
    stderr: new FakeOutput(),
    env,
    elapsed: 0,
    now() {
      return START + this.elapsed;
    },
    lastSeq: 0,
  };
}

type Body<Type extends BuildEvent['type']> = Omit<
  Extract<BuildEvent, { type: Type }>,
  'seq' | 'time' | 'type'
>;

const SUMMARY: Omit<RunSummary, 'duration'> = {
  run: 1,
  result: 'succeeded',
  total: 0,
  executed: 0,
  fresh: 0,
  failed: 0,
  blocked: 0,
  cached: 0,
  cancelled: 0,
};

/** Makes the events of a run, numbered; each method adds one. Times are in milliseconds since `START`. */
export class Recording {
  readonly events: BuildEvent[] = [];

  started(body: Partial<Body<'run-started'>>, at = 0): this {
    const defaults = { run: 1, targets: [], total: 0, fresh: 0, jobs: 2, expectedWork: 0 };
    return this.add({ type: 'run-started', ...defaults, ...body }, at);
  }

  start(task: string, body: Partial<Body<'task-started'>> = {}, at = 0): this {
    const defaults = { attempt: 1, reason: { kind: 'never-ran' }, console: false, expected: 0 } as const;
    return this.add({ type: 'task-started', task, ...defaults, ...body }, at);
  }

  finish(task: string, body: Partial<TaskFinished> & { text?: string } = {}, at = 1000): this {
    const { text = '', ...rest } = body;
    const output = Buffer.from(text);
    const defaults = {
      outcome: 'executed',
      retrying: false,
      duration: 1000,
      output,
      truncated: false,
    } as const;
    return this.add({ ...defaults, ...rest, type: 'task-finished', task }, at);
  }

  fail(task: string, body: Partial<TaskFinished> & { text?: string } = {}, at = 1000): this {
    return this.finish(task, { outcome: 'failed', exitCode: 2, command: `make ${task}`, ...body }, at);
  }

  end(body: Partial<RunSummary> = {}, at = 4200): this {
    return this.add({ type: 'run-finished', ...SUMMARY, duration: at, ...body }, at);
  }

  add(body: Record<string, unknown> & { type: BuildEvent['type'] }, at = 0): this {
    this.events.push({ seq: this.events.length + 1, time: START + at, ...body } as BuildEvent);
    return this;
  }
}

/** What a run looks like in a pipe, on stdout and on stderr. */
export async function renderPlain(
  recording: Recording,
  options: Partial<GlobalOptions> = {},
  context: FakeContext = fakeContext(),
): Promise<{ stdout: string; stderr: string; context: FakeContext }> {
  {
    using renderer = await createRenderer({ color: true, ...options }, context);
    for (const event of recording.events) renderer.handle(event);
  }
  return { stdout: context.stdout.text, stderr: context.stderr.text, context };
}
