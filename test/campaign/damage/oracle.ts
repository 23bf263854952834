import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openState, StateCorrupt } from 'millrace';
import type { Command, Done } from './command.js';
import { digestOf, type Template } from './template.js';

/** Which rung of the ladder a state ended on; `changed` is what a command has made. */
export const RUNGS = ['store', 'backup', 'older backup', 'export', 'empty', 'changed'] as const;
export type Rung = (typeof RUNGS)[number];

/** What was done to a copy of the template. */
export interface Deed {
  readonly template: Template;
  readonly directory: string;
  /** Whether a file was damaged. */
  touched(path: string): boolean;
  /** The command that was played before, if one was. */
  readonly command: (Command & Done) | undefined;
}

/** Opens a damaged state until it is stable, and says which state it is, and what is wrong with that. */
export async function openTwice(deed: Deed): Promise<{ rung: Rung; finding: string | undefined }> {
  const { directory, template } = deed;
  const digest = (await tryDigest(directory)) ?? (await tryDigest(directory));
  const again = await openState(directory);
  const isStable = digestOf(again) === digest && again.recovery.message === undefined;
  await again.close();
  const rung = hasMade(deed, digest) ? 'changed' : rungOf(template, digest);
  const findings = [
    !isStable && 'the next one that opened it saw something else, or had something to recover',
    wrongRung(deed, rung),
    ...template.backups.map(
      ({ name }) => !deed.touched(`backups/${name}`) && !isSame(deed, name) && `${name} is gone or changed`,
    ),
  ];
  return {
    rung: rung ?? 'store',
    finding: findings.find((finding) => finding !== false && finding !== undefined) || undefined,
  };
}

/** A command that fails may have made its state all the same: the system may have refused it what comes after. */
function hasMade({ command }: Deed, digest: string | undefined): boolean {
  const made = command?.makes;
  return made === 'any' || (made !== undefined && (command?.exitCode === 0 || made === digest));
}

function wrongRung({ command, template, touched }: Deed, rung: Rung | undefined): string | undefined {
  const { backups, exported } = template;
  const [newer, older] = backups.map(({ name }) => touched(`backups/${name}`));
  const wrongs: [boolean, string][] = [
    [rung === undefined, 'it says what no state has said'],
    [
      rung !== 'changed' && rung !== 'store' && !touched('store/data.mdb'),
      'the store was whole, and is not the state',
    ],
    [rung === 'older backup' && !newer, 'a newer backup was whole'],
    [rung === 'export' && !(newer && older), 'there was a backup that was whole'],
    [
      rung === 'empty' && !(newer && older && touched(`exports/${exported.name}`)),
      'there was a backup or an export that was whole',
    ],
  ];
  const why = wrongs.find(([holds]) => holds)?.[1];
  return why && command !== undefined
    ? `after ${command.args[0]} (exit code ${command.exitCode}): ${why}`
    : why;
}

function rungOf(template: Template, digest: string | undefined): Rung | undefined {
  const { backups, empty, exported, exportedStore, store } = template;
  const rungs: Readonly<Record<string, Rung>> = {
    [empty]: 'empty',
    [exported.digest]: 'export',
    [exportedStore]: 'export',
    [backups[1]!.digest]: 'older backup',
    [backups[0]!.digest]: 'backup',
    [store]: 'store',
  };
  return rungs[digest ?? ''];
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

function isSame({ directory, template }: Deed, backup: string): boolean {
  try {
    const [before, now] = [template.directory, directory].map((one) =>
      readFileSync(join(one, 'backups', backup)),
    );
    return before!.equals(now!);
  } catch {
    return false;
  }
}
