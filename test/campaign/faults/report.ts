/** What was played of a scenario, and what it found. */
export interface Played {
  readonly scenario: string;
  readonly findings: readonly string[];
}

/** Prints how many rounds there were of each scenario and how many found something, and sets the exit code by it. */
export function report(rounds: readonly Played[]): void {
  const scenarios = [...new Set(rounds.map(({ scenario }) => scenario))];
  const found = rounds.filter(({ findings }) => findings.length > 0);
  const ofScenario = (list: readonly Played[], name: string): number =>
    list.filter(({ scenario }) => scenario === name).length;
  console.table(
    scenarios.map((scenario) => ({
      scenario,
      rounds: ofScenario(rounds, scenario),
      findings: ofScenario(found, scenario),
    })),
  );
  process.exitCode = found.length > 0 ? 1 : 0;
}
