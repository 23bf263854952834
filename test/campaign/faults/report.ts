/** What was played of a scenario, and what it found. */
export interface Played {
  readonly scenario: string;
  readonly findings: readonly string[];
  /** True if LMDB's own bug has ended the process; left out where nothing fails that could bring it about. */
  readonly isAbort?: boolean;
}

/** Prints how many rounds there were of each scenario and how many found something, and sets the exit code by it. */
export function report(rounds: readonly Played[]): void {
  tabulate(rounds, 'scenario', ({ scenario }) => scenario);
  process.exitCode = rounds.some(hasFindings) ? 1 : 0;
}

/** Prints how many rounds there were of each group, and how many of them found something. */
export function tabulate<Round extends Played>(
  rounds: readonly Round[],
  title: string,
  groupOf: (round: Round) => string,
): void {
  const groups = new Map<string, Round[]>();
  for (const round of rounds) groups.set(groupOf(round), [...(groups.get(groupOf(round)) ?? []), round]);
  console.table(
    [...groups].map(([group, members]) => ({
      [title]: group,
      rounds: members.length,
      findings: members.filter(hasFindings).length,
      ...('isAbort' in members[0]! && {
        "ended by LMDB's abort": members.filter(({ isAbort }) => isAbort).length,
      }),
    })),
  );
}

const hasFindings = ({ findings }: Played): boolean => findings.length > 0;
