import { statfsSync } from 'node:fs';
import { StateUnavailable } from '../errors.js';

/** Types of file systems that are shared between machines, by their magic numbers: statfs(2) and linux/magic.h. */
const SHARED: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0x19830326, 'BeeGFS'],
]);

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
  const kind = SHARED.get(typeOf(directory) >>> 0);
  if (kind === undefined) return;
  throw new StateUnavailable(
    `The state in ${directory} would be on ${kind}, a file system of another machine, where it cannot be kept safely: choose a folder on a disk of this one (--state DIR).`,
  );
}
