import { spawnSync } from 'node:child_process';

/**
 * Runs a script again on other versions of Node.js, which are fetched from npm for that.
 * @param versions of Node.js, as npm understands them (`24`, `26.1.0`)
 * @returns how many of them it has failed on
 */
export function runOnNodes(script: string, args: readonly string[], versions: readonly string[]): number {
  const failed = versions.filter((version) => {
    const source = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}@${version}`;
    const command = ['--yes', '--package', source, 'node', script, ...args];
    return spawnSync('npx', command, { stdio: 'inherit' }).status !== 0;
  });
  return failed.length;
}
