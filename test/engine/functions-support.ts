import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  BuildEngine,
  type BuildEvent,
  type BuildState,
  type EngineOptions,
  openState,
  type RunOptions,
  type RunSummary,
  type TaskDefinition,
  type TaskFinished,
} from 'millrace';
import { temporaryFolder } from './lane-support.js';

/** The functions that the tests call. */
export const MODULE = `
import { appendFileSync, writeFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';

export default function () {}
export const add = ({ a, b }) => a + b;
export const whole = (input, context) => ({
  input, task: context.task, attempt: context.attempt, root: context.root, signal: context.signal instanceof AbortSignal,
});
export async function steps(count, { progress }) {
  for (let step = 1; step <= count; step++) { progress({ step }); await sleep(1); }
  return new Map([['steps', count]]);
}
export function talk() { console.log('to stdout'); console.error('to stderr'); process.stdout.write('no end'); }
export function fails() { console.log('before'); throw new TypeError('no good'); }
export async function failsLater() { await sleep(1); throw 'a text'; }
export const notCloneable = () => () => 1;
export const exits = () => process.exit(3);
export function eats() { const all = []; for (;;) all.push(new Array(1e5).fill({})); }
export function throwsOutside() { setTimeout(() => { throw new Error('nobody catches this'); }); return sleep(60_000); }
export function spins(_, { progress }) { progress('on'); for (;;); }
export async function waits(path, { progress, signal }) {
  progress('on');
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  appendFileSync(path, signal.reason.name);
}
export async function cleans(path, { progress, signal }) {
  progress('on');
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  await sleep(900);
  appendFileSync(path, 'cleaned');
}
export function copies({ from, to }, { root }) { writeFileSync(root + '/' + to, readFileSync(root + '/' + from, 'utf8').toUpperCase()); }
export function twice(_, { attempt }) { if (attempt === 1) throw new Error('not yet'); return attempt; }
export const thread = () => threadId;
export const ms = (duration) => { const end = performance.now() + duration; while (performance.now() < end); };
`;

export type Ended = TaskFinished & { readonly task: string };

export interface Done {
  readonly summary: RunSummary;
  readonly events: BuildEvent[];
  readonly ended: (task: string) => Ended;
}

export interface Setup {
  readonly root: string;
  readonly state: BuildState;
  run(options?: RunOptions): Promise<Done>;
}

export async function setUp(
  t: TestContext,
  definitions: readonly TaskDefinition[],
  options: Partial<EngineOptions> = {},
): Promise<Setup> {
  // Before the folder is removed.
  t.after(() => state?.close());
  let state: BuildState | undefined;
  const root = await temporaryFolder(t);
  writeFileSync(join(root, 'tasks.mjs'), MODULE);
  state = await openState(join(root, '.millrace'));
  state.tasks.define(definitions);
  const engine = new BuildEngine(state, { root, graceMs: 100, ...options });
  const run = async (how: RunOptions = {}): Promise<Done> => {
    const events: BuildEvent[] = [];
    const onEvent = (event: BuildEvent): void => {
      events.push(event);
      how.onEvent?.(event);
    };
    const summary = await engine.run({ keepGoing: 0, ...how, onEvent });
    const ended = (task: string) =>
      events
        .filter((event): event is BuildEvent & Ended => event.type === 'task-finished' && event.task === task)
        .at(-1)!;
    return { summary, events, ended };
  };
  return { root, state, run };
}

/** A task that calls a function of the module. */
export const task = (
  id: string,
  name: string,
  input?: unknown,
  more: Partial<TaskDefinition> = {},
): TaskDefinition => ({
  id,
  function: { module: 'tasks.mjs', export: name, input },
  ...more,
});

/** The same by way of a single call, as of a task that has a timeout. */
export const limited = (id: string, name: string, input?: unknown, timeout = 60_000): TaskDefinition =>
  task(id, name, input, { timeout });
