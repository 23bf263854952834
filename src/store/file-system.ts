import { statfsSync } from 'node:fs';
import { StateUnavailable } from '../errors.js';

/** Types of file systems that are shared between machines, by their magic numbers: statfs(2) and linux/magic.h. */
const SHARED: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB2',
  1397113167: 'AFS',
  1937076805: 'Coda',
  22092: 'NCP',
  16914839: '9P',
  12805120: 'Ceph',
  198183888: 'Lustre',
  1952539503: 'OCFS2',
  18225520: 'GFS2',
  428016422: 'BeeGFS',
};

/**
 * Refuses a state on a file system of another machine: there memory maps and locks are not what LMDB needs them to be, and two machines
 * would damage the store. Only on Linux; elsewhere the types are others.
 * @param typeOf for tests @throws StateUnavailable
 */
export function requireLocal(
  directory: string,
  typeOf: (directory: string) => number = (path) => statfsSync(path).type,
): void {
  if (process.platform !== 'linux') return;
  const kind = SHARED[typeOf(directory) >>> 0];
  if (kind === undefined) return;
  throw new StateUnavailable(
    `The state in ${directory} would be on ${kind}, a file system of another machine, where it cannot be kept safely: choose a folder on a disk of this one (--state DIR).`,
  );
}
