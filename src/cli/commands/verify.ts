import { warningsOf } from '../../engine/project.js';
import { type BackupHealth, type VerifiedState, verifyState } from '../../state-files.js';
import { type Context, writeJson } from '../context.js';
import { ExitCode } from '../failure.js';
import type { VerifyCommandOptions } from '../options.js';
import { stateDirectory } from '../project.js';
import { display, number, plural } from '../render/text.js';
import { noState, waitingOf } from './backup.js';

/** `millrace verify`: reads all of the state, its backups and its exports. */
export async function verify(options: VerifyCommandOptions, context: Context): Promise<number> {
  const { repair = false } = options;
  const directory = stateDirectory(options);
  const found = await verifyState(directory, { repair, ...waitingOf(options, context) });
  if (found.missing) throw noState(directory);
  // What the system does not let us read may be whole: it stays where it is.
  const isLeft = [...found.backups, ...found.exports, ...found.misplaced].some(
    ({ movedAside, problem }) => problem !== undefined && movedAside === undefined,
  );
  const repaired = repair && !found.ok && !isLeft;
  if (options.json) {
    writeJson(context, {
      ok: found.ok,
      repaired,
      ...(found.problem === undefined ? {} : { problem: found.problem }),
      ...(found.recovery === undefined ? {} : { recovery: found.recovery.message }),
      ...(found.recovery?.escaped.length ? { escaped: found.recovery.escaped } : {}),
      backups: found.backups.map(inJson),
      ...(found.exports.length === 0 ? {} : { exports: found.exports.map(inJson) }),
      ...(found.misplaced.length === 0 ? {} : { misplaced: found.misplaced }),
    });
  } else for (const line of describe(found)) context.stdout.write(`millrace: ${display(line)}\n`);
  return found.ok || repaired ? ExitCode.Ok : ExitCode.Failed;
}

const inJson = ({ movedAside, name, problem, unreadable }: BackupHealth): object => ({
  ...{ name, problem, movedAside },
  ...(unreadable ? { unreadable } : {}),
});

function describe({ backups, exports, misplaced, problem, recovery }: VerifiedState): string[] {
  const others = misplaced.map(
    ({ movedAside, path, problem: why }) =>
      `${path} lies where backups or exports should be: ${why}${moved(movedAside)}`,
  );
  return [
    problem === undefined ? 'the state is whole' : `the state is damaged: ${problem}`,
    ...(backups.length === 0 ? ['there are no backups'] : tell(backups, 'backup')),
    ...(exports.length === 0 ? [] : tell(exports, 'export')),
    ...others,
    ...(recovery === undefined ? [] : warningsOf({ recovery }).map((text) => text.replace(/\.$/, ''))),
    ...adviceOn(problem !== undefined && recovery === undefined, misplaced),
  ];
}

/** How many are whole, and what the others are. */
function tell(files: readonly BackupHealth[], what: string): string[] {
  const unfit = files.filter(({ problem }) => problem !== undefined);
  const whole = number(files.length - unfit.length);
  return [
    `${whole} of ${plural(files.length, what)} ${files.length === 1 ? 'is' : 'are'} whole`,
    ...unfit.map(told),
  ];
}

const moved = (to: string | undefined): string => (to === undefined ? '' : `; it was moved to ${to}`);

/** Of one that is not whole, or of which nobody knows. */
const told = ({ movedAside, name, problem, unreadable }: BackupHealth): string =>
  `${name}${unreadable ? '' : ' is damaged'}: ${problem}${moved(movedAside)}`;

function adviceOn(isDamaged: boolean, misplaced: VerifiedState['misplaced']): string[] {
  if (isDamaged) return ['"millrace verify --repair" recovers it'];
  const isLeft = misplaced.some(({ movedAside }) => movedAside === undefined);
  return isLeft ? ['"millrace verify --repair" moves it aside'] : [];
}
