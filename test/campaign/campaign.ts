import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHORES } from './chores.js';
import { DEFECTS, Round, type RoundResult } from './round.js';

/** Rounds that go on at once: they wait often, and disturb each other. */
const AT_ONCE = 2;

export interface CampaignOptions {
  readonly rounds: number;
  /** Of the first round; each further one has the next number. */
  readonly seed: number;
  /** @param folder what is left of a round that failed; undefined if it did not */
  readonly onRound?: (result: RoundResult, folder: string | undefined) => void;
}

/** Plays rounds; resolves to their results in the order of their seeds. */
export async function runCampaign({ rounds, seed, onRound }: CampaignOptions): Promise<RoundResult[]> {
  const results: RoundResult[] = [];
  let next = 0;
  const play = async (): Promise<void> => {
    while (next < rounds) {
      const index = next++;
      const folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'));
      const result = await playRound(seed + index, folder);
      const failed = result.findings.length > 0;
      if (!failed) rmSync(folder, { recursive: true });
      results[index] = result;
      onRound?.(result, failed ? folder : undefined);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, play));
  return results;
}

/** @throws Error that says how to play it again */
async function playRound(seed: number, folder: string): Promise<RoundResult> {
  try {
    return await new Round(seed, folder).play();
  } catch (cause) {
    throw new Error(`Round ${seed} could not be played${again(seed)}`, { cause });
  }
}

const again = (seed: number): string =>
  `; again (its moments of time vary): node dist/test/campaign/kill.js --rounds 1 --seed ${seed}`;

/** What is wrong with a round, and how to see it again; for a person. */
export function describeFailure({ seed, findings }: RoundResult): string {
  return [
    `Round ${seed} failed${again(seed)}`,
    ...findings.map(({ defect, message }) => `  ${defect}: ${message}`),
  ].join('\n');
}

/** The results in numbers, by what they count. */
export function tally(results: readonly RoundResult[]): Record<string, number> {
  const sum = (of: (result: RoundResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const most = (of: (result: RoundResult) => number): number => Math.max(0, ...results.map(of));
  const defects = DEFECTS.map((kind) => [
    kind,
    sum(({ findings }) => findings.filter(({ defect }) => defect === kind).length),
  ]);
  return {
    rounds: results.length,
    kills: sum(({ kills }) => kills),
    'of them in the midst of a migration': sum(({ migrations }) => migrations),
    ...Object.fromEntries(CHORES.map((name) => [`of them in ${name}`, sum(({ chores }) => chores[name])])),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    ...(Object.fromEntries(defects) as Record<string, number>),
    'longest afterlife of a child, ms': Math.round(most(({ afterlife }) => afterlife)),
    'largest store, KiB': Math.round(most(({ storeBytes }) => storeBytes) / 1024),
  };
}
