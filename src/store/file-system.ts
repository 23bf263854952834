import { statfsSync } from 'node:fs';
import { StateUnavailable } from '../errors.js';

/**
 * Types of file systems that are shared between machines, or may be (FUSE: sshfs, folders of a virtual machine's host), by their magic numbers:
 * statfs(2), linux/magic.h and, for those that are no part of Linux, what coreutils know. `mayBeRunning` relies on it that no other one is.
 */
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
  [0x6b414653, 'kAFS'],
  [0x65735546, 'FUSE'],
  [0x47504653, 'GPFS'],
  [0xaad7aaea, 'PanFS'],
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
  [0x7c7c6673, 'prl_fs'],
]);

/**
 * Refuses a state on a file system of another machine, also for reading: there memory maps and locks are not what LMDB needs them to be, and two machines
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
    `The state in ${directory} would be on ${kind}, which is or may be a file system of another machine, where it cannot be kept safely: choose a folder on a disk of this one (--state DIR).`,
  );
}
