import { join } from 'node:path';
import { listBackups } from '../../../src/store/backup/folder.js';
import { whyUnreadable } from '../../../src/store/backup/make.js';
import { statePaths } from '../../../src/store/paths.js';
import { acknowledgedIn, eventsIn, finishedIn } from './events.js';
import { leftovers, runAgain, type Scenario, wrongOutputs } from './scenarios.js';
import type { Ended, Injection } from './shim.js';

/** What a run without faults finds of what a command has left in which something failed, or that was killed. */
export async function aftermath(
  scenario: Scenario,
  folder: string,
  ended: Ended,
  how: Injection['how'],
): Promise<string[]> {
  const { damaged, newest } = await backupsIn(folder);
  const next = await runAgain(folder);
  if (next.hangs) return ['a process that the next run has left in the background hangs'];
  if (next.exitCode !== 0)
    return [`the next run ended with ${next.exitCode ?? next.signal}: ${next.stderr.slice(0, 500)}`];
  // It was this one that found all fresh, if it had nothing to do.
  const third = finishedIn(next.stdout).size === 0 ? next : await runAgain(folder);
  return [
    ...damaged,
    // Who is killed tells nothing.
    ...(how === 'kill' ? [] : untold(scenario, ended, newest, next.stdout)),
    ...lost(scenario, ended, next.stdout),
    ...[...finishedIn(third.stdout)].map((task) => `${task} is not fresh after a run`),
    ...wrongOutputs(folder),
    ...leftovers(folder),
  ];
}

interface Backups {
  readonly newest: Date | undefined;
  /** Those that are not whole, as sentences. */
  readonly damaged: readonly string[];
}

async function backupsIn(folder: string): Promise<Backups> {
  const all = listBackups(statePaths(join(folder, '.millrace')).backups);
  const damaged: string[] = [];
  for (const { name, path } of all) {
    const why = await whyUnreadable(path);
    if (why !== undefined) damaged.push(`backup ${name} is not whole: ${why.message}`);
  }
  return { newest: all[0]?.created, damaged };
}

/** A run that has ended well, but neither it nor the next one says why there is no backup of it. */
function untold({ backsUp }: Scenario, ended: Ended, newest: Date | undefined, next: string): string[] {
  const { begun, exitCode, stdout } = ended;
  if (backsUp !== true || exitCode !== 0) return [];
  if (newest !== undefined && newest.getTime() >= begun) return [];
  const isTold = eventsIn(stdout + next).some(
    ({ message, type }) => type === 'warning' && /back(ed )?up/i.test(message!),
  );
  return isTold ? [] : ['there is no backup, and nobody was told why'];
}

/** What was on the disk before, or was said to be, and ran again. */
function lost({ stale }: Scenario, { stdout }: Ended, next: string): string[] {
  const known = acknowledgedIn(stdout);
  const again = [...finishedIn(next)];
  return [
    ...again.filter((task) => known.has(task)).map((task) => `${task} was acknowledged, and ran again`),
    ...again.filter((task) => !stale.includes(task)).map((task) => `${task} was fresh before, and ran again`),
  ];
}
