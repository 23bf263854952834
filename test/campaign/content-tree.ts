import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** So few that processes meet. */
export const ACTIONS = 12;
export const FILES = 3;
/** Bytes of the first file of each. */
export const LARGE = 1_500_000;
/** The file that says whether the tree was there before the last restoring. */
export const OVER = 'over';

/** What an action makes: the same in every process. */
export function contentOf(action: number, file: number): Buffer {
  return Buffer.alloc(file === 0 ? LARGE : 100, `${action}-${file} `);
}

/** What is wrong with the tree that a killed process has left: a file that is not whole, or a new tree that is not. */
export function wrongTree(root: string): string | undefined {
  if (!existsSync(join(root, 'out'))) return undefined;
  const found = Array.from({ length: FILES }, (_, file) => actionOf(join(root, `out/${file}`), file));
  const isWhole = found.every((action) => action !== undefined);
  const isOne = found.every((action) => action === found[0]);
  const wasThere = readFileSync(join(root, OVER), 'utf8') === 'true';
  return isWhole && (isOne || wasThere) ? undefined : `${root} has files of ${found.join()}, ${wasThere}`;
}

function actionOf(path: string, file: number): number | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  for (let action = 0; action < ACTIONS; action++) if (bytes.equals(contentOf(action, file))) return action;
  return undefined;
}
