/** `node player.js TEMPLATE FOLDER FIRST COUNT`: plays rounds, and prints a line of JSON for each before and after. */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openState, StateCorrupt } from '../../../src/index.js';
import { randomFrom } from '../../engine/lane-support.js';
import { type Mutation, mutate, mutateFolder } from './mutate.js';
import { digestOf, type Template } from './template.js';

/** One in so many rounds also loses a folder. */
const FOLDERS = 10;

export interface Played {
  readonly seed: number;
  readonly what: string;
  /** Which rung it ended on. */
  readonly rung: 'store' | 'backup' | 'older backup' | 'empty';
  readonly finding: string | undefined;
}

const [template, folder, first, count] = process.argv.slice(2);
const known = JSON.parse(template!) as Template;
for (let round = 0; round < Number(count); round++) {
  const seed = Number(first) + round;
  console.log(JSON.stringify(await play(seed)));
}

async function play(seed: number): Promise<Played> {
  const random = randomFrom(seed);
  const directory = join(folder!, 'state');
  rmSync(directory, { recursive: true, force: true });
  cpSync(known.directory, directory, { recursive: true });
  const lost = random() * FOLDERS < 1 ? mutateFolder(directory, random) : undefined;
  const done = lost === undefined ? tryToMutate(directory, random) : [];
  const what = [
    ...(lost === undefined ? [] : [lost]),
    ...done.map(({ kind, path }) => `${path} ${kind}`),
  ].join(', ');
  const touched = (path: string): boolean =>
    done.some((mutation) => mutation.path === path) ||
    (lost !== undefined && path.startsWith(lost.split(' ')[0]!));
  console.log(JSON.stringify({ begins: what }));
  try {
    const rung = await openTwice(directory, touched);
    return { seed, what, ...rung };
  } catch (error) {
    const finding = `it could not be opened: ${(error as Error).stack ?? String(error)}`;
    return { seed, what, rung: 'store', finding };
  }
}

function tryToMutate(directory: string, random: () => number): Mutation[] {
  const backups = known.backups.map(({ name }) => name);
  return mutate(directory, backups, random);
}

async function openTwice(
  directory: string,
  touched: (path: string) => boolean,
): Promise<Pick<Played, 'finding' | 'rung'>> {
  const digest = (await tryDigest(directory)) ?? (await tryDigest(directory));
  const again = await openState(directory);
  const isStable = digestOf(again) === digest && again.recovery.message === undefined;
  await again.close();
  const [newer, older] = known.backups as [Template['backups'][number], Template['backups'][number]];
  const rung = {
    [known.empty]: 'empty',
    [older.digest]: 'older backup',
    [newer.digest]: 'backup',
    [known.store]: 'store',
  }[digest ?? ''] as Played['rung'] | undefined;
  const isSpoilt = (backup: { readonly name: string }): boolean => touched(`backups/${backup.name}`);
  const findings = [
    rung === undefined && 'it says what no state has said',
    !isStable && 'the next one that opened it saw something else, or had something to recover',
    rung !== 'store' && !touched('store/data.mdb') && 'the store was whole, and is not the state',
    rung === 'older backup' && !isSpoilt(newer) && 'a newer backup was whole',
    rung === 'empty' && !(isSpoilt(newer) && isSpoilt(older)) && 'there was a backup that was whole',
    ...known.backups.map(
      (backup) => !isSpoilt(backup) && !isSame(directory, backup.name) && `${backup.name} is gone or changed`,
    ),
  ];
  return { rung: rung ?? 'store', finding: findings.find((finding) => finding !== false) || undefined };
}

/** Undefined if damage is met that was not seen before: then the next one to open the state recovers it. */
async function tryDigest(directory: string): Promise<string | undefined> {
  const state = await openState(directory);
  try {
    return digestOf(state);
  } catch (error) {
    if (!(error instanceof StateCorrupt)) throw error;
    return undefined;
  } finally {
    await state.close();
  }
}

function isSame(directory: string, backup: string): boolean {
  try {
    const [before, now] = [known.directory, directory].map((one) =>
      readFileSync(join(one, 'backups', backup)),
    );
    return before!.equals(now!);
  } catch {
    return false;
  }
}
