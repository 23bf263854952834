import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildState, exportState, importState, openState } from 'millrace';
import { main } from '../../../src/cli/program.js';
import { fakeContext } from '../../cli/support.js';

const COUNTS = { total: 9, executed: 9, cached: 0, fresh: 0, failed: 0, blocked: 0, cancelled: 0 };

/** Enough for a run to have something to do, to keep and to restore, and to back up. */
const MANIFEST = {
  backups: { every: '0s' },
  tasks: {
    one: { command: 'true' },
    kept: { command: 'cp millrace.json out', inputs: ['millrace.json'], outputs: ['out'], deps: ['one'] },
    two: { command: 'false', deps: ['kept'] },
  },
};

/** A state directory as it was left, and what a state may turn out to be that was opened in a damaged copy of it. */
export interface Template {
  readonly directory: string;
  /** A folder with a manifest. */
  readonly project: string;
  /** Digests of all that a state says. */
  readonly store: string;
  /** By the names of the backups, newest first. */
  readonly backups: readonly { readonly name: string; readonly digest: string }[];
  /** An export that is older than the backups, and a copy of it elsewhere. */
  readonly exported: { readonly name: string; readonly digest: string; readonly copy: string };
  /** What an export of the store is when it is imported. */
  readonly exportedStore: string;
  readonly empty: string;
}

/** A state of several commits with two backups and an export, each of another content. @param folder for all of it */
export async function makeTemplate(folder: string): Promise<Template> {
  const directory = join(folder, 'template');
  const state = await openState(directory);
  const empty = digestOf(state);
  await grow(state, 0);
  const exported = await makeExport(directory, folder);
  const digests: string[] = [];
  for (let round = 1; round < 4; round++) {
    await grow(state, round);
    digests.push(digestOf(state));
    if (round < 3) await state.backup();
  }
  await state.close();
  const file = join(folder, 'store.json');
  await exportState(directory, { file, history: true });
  const names = readdirSync(join(directory, 'backups')).sort();
  const project = await makeProject(folder, directory);
  return {
    ...{ directory, project, exported, empty },
    store: digests[2]!,
    backups: names.map((name, index) => ({ name, digest: digests[index]! })).reverse(),
    exportedStore: await importedDigest(join(folder, 'store'), file),
  };
}

/** All that a state says, in short. */
export function digestOf(state: BuildState): string {
  const runs = state.history.runs();
  const attempts = runs.map(({ run }) => [...state.history.attempts({ run })]);
  const all = [[...state.tasks.list()], state.graph.order(), state.tasks.counts(), runs, attempts];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

async function makeExport(directory: string, folder: string): Promise<Template['exported']> {
  const { path } = (await exportState(directory, { history: true }))!;
  const copy = join(folder, 'export.json');
  copyFileSync(path, copy);
  return { name: basename(path), copy, digest: await importedDigest(join(folder, 'imported'), copy) };
}

async function importedDigest(directory: string, file: string): Promise<string> {
  await importState(directory, file);
  await using state = await openState(directory);
  return digestOf(state);
}

/** A project that has run once, and what was kept of that in the state. */
async function makeProject(folder: string, directory: string): Promise<string> {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'millrace.json'), JSON.stringify(MANIFEST));
  await main(['run', '-C', project], { ...fakeContext(), now: Date.now });
  cpSync(join(project, '.millrace', 'content'), join(directory, 'content'), { recursive: true });
  return project;
}

async function grow(state: BuildState, round: number): Promise<void> {
  state.tasks.define(
    Array.from({ length: 200 }, (_, index) => ({
      id: `round-${round}/task-${index}`,
      command: `echo ${'x'.repeat(index)}`,
      inputs: [`in-${index}`],
      dependencies: round === 0 ? [] : [`round-${round - 1}/task-${index}`],
    })),
  );
  await state.commit();
  const run = state.history.beginRun({ targets: [], jobs: 2 });
  for (let index = 0; index < 130; index++) {
    const task = `round-${round}/task-${index}`;
    if (round === 0) {
      state.tasks.start(task);
      state.tasks.complete(task, { duration: index });
    }
    state.history.addAttempt({ task, start: 1, duration: index, outcome: 'executed' });
    if (index % 40 === 0) await state.commit();
  }
  state.history.endRun(run, { result: 'succeeded', duration: 2, ...COUNTS });
  await state.commit();
}
