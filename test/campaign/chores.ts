import { existsSync, statSync, truncateSync } from 'node:fs';
import { statePaths } from '../../src/store/paths.js';
import type { Ending, KillMoment } from './launch.js';

/** Commands beside `run` that change files of a state; two of them after the store was damaged: a run that recovers it, and `verify --repair`. */
export const CHORES = ['gc', 'backup', 'restore', 'export', 'verify', 'recovery'] as const;
export type Chore = (typeof CHORES)[number];

/** About as many calls change files in the longest of them; many a kill comes too late, and then it has just ended. */
const MAX_CALLS: Readonly<Record<Chore, number>> = {
  gc: 12,
  backup: 14,
  restore: 50,
  export: 12,
  verify: 60,
  recovery: 60,
};

const WORDS: Readonly<Record<Exclude<Chore, 'recovery'>, readonly string[]>> = {
  gc: ['gc', '--max-size', '1GB'],
  backup: ['backup'],
  restore: ['restore'],
  export: ['export', '--history'],
  verify: ['verify', '--repair'],
};

/** Nothing was ever committed, so there is nothing to do; were it lost, the next run would show that. */
const isTooEarly = ({ exitCode, stderr }: Ending): boolean =>
  exitCode === 3 && /There is no state in .* yet/.test(stderr);

/** Starts a command; killed at the moment if there is one. */
type Start = (words: readonly string[], kill?: KillMoment) => Promise<Ending>;

/** What is done to a state between two runs, and killed in the midst of it. */
export class Chores {
  private readonly stateDirectory: string;
  private readonly start: Start;
  private readonly upTo: (limit: number) => number;
  /** True once a store was damaged: what was moved aside stays. */
  hasDamaged = false;
  /** Kills in the midst of each. */
  readonly killed: Record<Chore, number> = {
    gc: 0,
    backup: 0,
    restore: 0,
    export: 0,
    verify: 0,
    recovery: 0,
  };

  /** @param upTo a whole number from 0 to below the limit */
  constructor(stateDirectory: string, start: Start, upTo: (limit: number) => number) {
    this.stateDirectory = stateDirectory;
    this.start = start;
    this.upTo = upTo;
  }

  /** Does one. What is recovered or restored has been backed up just before, so nothing may be forgotten. @returns how its commands ended */
  async doAny(): Promise<Ending[]> {
    if (!existsSync(statePaths(this.stateDirectory).data)) return [];
    const chore = CHORES[this.upTo(CHORES.length)]!;
    const damages = chore === 'recovery' || chore === 'verify';
    const endings = damages || chore === 'restore' ? [await this.start(WORDS.backup)] : [];
    if (endings.some((one) => this.isRefused(one))) return [];
    if (damages) this.damage();
    const words = chore === 'recovery' ? ['run', '-j2', '-k0'] : WORDS[chore];
    const ending = await this.start(words, {
      after: 'call',
      count: 1 + this.upTo(MAX_CALLS[chore]),
      delay: 0,
    });
    if (ending.how === 'killed') this.killed[chore]++;
    return [...endings, ending].filter((one) => !this.isRefused(one));
  }

  /** True once it may be that only who writes finds the store whole: it was damaged, or what was to replace it was killed between two renames. */
  get mayBeUnreadable(): boolean {
    return this.hasDamaged || this.killed.restore > 0;
  }

  /** Whether it was refused a store that is not whole by our doing, and that nothing has recovered yet, as what was to do that was killed. */
  mustRecover({ exitCode, stderr }: Ending): boolean {
    return this.mayBeUnreadable && exitCode === 3 && stderr.includes('the next "millrace run" recovers it');
  }

  private isRefused(ending: Ending): boolean {
    return isTooEarly(ending) || this.mustRecover(ending);
  }

  private damage(): void {
    const { data } = statePaths(this.stateDirectory);
    truncateSync(data, this.upTo(statSync(data).size));
    this.hasDamaged = true;
  }
}
