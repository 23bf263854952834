import { DURABILITY_LEVELS } from '../../src/artifacts/cache/durability.js';
import { ISOLATIONS } from '../../src/store/isolation.js';

/** How a run is started, and what that means for what may run. */
export interface RunOptions {
  readonly args: readonly string[];
  /** What is fresh may run, too. */
  readonly forces: boolean;
  /** Nothing may run. */
  readonly isDry: boolean;
  /** What it keeps of outputs may be torn by a kill. */
  readonly tears: boolean;
  /** How many processes are started at once. */
  readonly processes: number;
}

const PLAIN = { forces: false, isDry: false, processes: 1 };

/** Options that leave what runs to what is fresh, and keep what it makes. @param upTo a whole number from 0 to below the limit */
export function plainOptions(upTo: (limit: number) => number): RunOptions {
  const sometimes = (option: string): string[] => (upTo(6) === 0 ? [option] : []);
  const durability = DURABILITY_LEVELS[upTo(DURABILITY_LEVELS.length)]!;
  const args = [
    ...[`-j${1 + upTo(4)}`, `-k${upTo(3)}`],
    ...['--isolation', ISOLATIONS[upTo(3) === 0 ? 1 : 0]!],
    ...['--durability', durability],
    ...[...sometimes('-v'), ...sometimes('--no-color')],
  ];
  return { ...PLAIN, tears: durability === 'none', args };
}

/**
 * Any options: half of all are plain.
 * @param runs how many runs the history surely knows
 */
export function randomOptions(upTo: (limit: number) => number, runs: readonly number[]): RunOptions {
  const plain = plainOptions(upTo);
  const since = runs[upTo(runs.length)];
  const others: RunOptions[] = [
    withMore(plain, ['--force'], { forces: true }),
    withMore(plain, ['--failed']),
    withMore(plain, ['--no-cache']),
    withMore(plain, ['--dry-run'], { isDry: true }),
    withMore(plain, ['--wait'], { processes: 2 }),
    since === undefined ? plain : withMore(plain, ['--since', String(since)], { forces: true }),
  ];
  return others[upTo(2 * others.length)] ?? plain;
}

function withMore(plain: RunOptions, args: readonly string[], meaning: Partial<RunOptions> = {}): RunOptions {
  return { ...plain, ...meaning, args: [...plain.args, ...args] };
}
