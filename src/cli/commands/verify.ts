import { type BackupHealth, type VerifiedState, verifyState } from '../../state-files.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { VerifyCommandOptions } from '../options.js';
import { stateDirectory } from '../project.js';
import { number, plural } from '../render/text.js';
import { noState, waitingOf } from './backup.js';

/** `millrace verify`: reads all of the state and its backups. */
export async function verify(options: VerifyCommandOptions, context: Context): Promise<number> {
  const { repair = false } = options;
  const directory = stateDirectory(options);
  const found = await verifyState(directory, { repair, ...waitingOf(options, context) });
  if (found.missing) throw noState(directory);
  // A backup that the system does not let us read may be whole: it stays where it is.
  const isLeft = [...found.backups, ...found.misplaced].some(
    ({ movedAside, problem }) => problem !== undefined && movedAside === undefined,
  );
  const repaired = repair && !found.ok && !isLeft;
  if (options.json) {
    writeJson(context, {
      ok: found.ok,
      repaired,
      ...(found.problem === undefined ? {} : { problem: found.problem }),
      ...(found.recovery === undefined ? {} : { recovery: found.recovery.message }),
      backups: found.backups.map(({ movedAside, name, problem, unreadable }) => ({
        ...{ name, problem, movedAside },
        ...(unreadable ? { unreadable } : {}),
      })),
      ...(found.misplaced.length === 0 ? {} : { misplaced: found.misplaced }),
    });
  } else for (const line of describe(found)) context.stdout.write(`millrace: ${line}\n`);
  return found.ok || repaired ? ExitCode.Ok : ExitCode.Failed;
}

function describe({ backups, misplaced, problem, recovery }: VerifiedState): string[] {
  const unfit = backups.filter((backup) => backup.problem !== undefined);
  const others = misplaced.map(
    ({ movedAside, path, problem: why }) =>
      `${path} lies in the place of backups: ${why}${moved(movedAside)}`,
  );
  return [
    problem === undefined ? 'the state is whole' : `the state is damaged: ${problem}`,
    backups.length === 0
      ? 'there are no backups'
      : `${number(backups.length - unfit.length)} of ${plural(backups.length, 'backup')} ${backups.length === 1 ? 'is' : 'are'} whole`,
    ...unfit.map(told),
    ...others,
    ...(recovery?.message === undefined ? [] : [recovery.message.replace(/\.$/, '')]),
    ...adviceOn(problem !== undefined && recovery === undefined, misplaced),
  ];
}

const moved = (to: string | undefined): string => (to === undefined ? '' : `; it was moved to ${to}`);

/** Of a backup that is not whole, or of which nobody knows. */
const told = ({ movedAside, name, problem, unreadable }: BackupHealth): string =>
  `${name}${unreadable ? '' : ' is damaged'}: ${problem}${moved(movedAside)}`;

function adviceOn(isDamaged: boolean, misplaced: VerifiedState['misplaced']): string[] {
  if (isDamaged) return ['"millrace verify --repair" recovers it'];
  const isLeft = misplaced.some(({ movedAside }) => movedAside === undefined);
  return isLeft ? ['"millrace verify --repair" moves it aside'] : [];
}
