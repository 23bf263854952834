import { parseArgs } from 'node:util';

/** What a campaign of numbered rounds is told by `--rounds` and `--seed`, and says so. @throws Error for what is no number */
export function roundsAndSeed(usually: number): { readonly rounds: number; readonly seed: number } {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: String(usually) },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    },
  });
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
  if (!(rounds > 0) || Number.isNaN(seed)) throw new Error('--rounds and --seed take a number.');
  console.log(`${rounds} rounds; --seed ${seed}`);
  return { rounds, seed };
}
