import { readlinkSync } from 'node:fs';

/** Where a link leads, as it says; undefined if that is not valid UTF-8, which no entry could hold. @throws what `node:fs` throws */
export function linkTarget(path: string): string | undefined {
  const bytes = readlinkSync(path, 'buffer');
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}
