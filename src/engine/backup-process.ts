/** The process that backs up a large state when the run has ended: `node backup-process.js DIRECTORY NEWEST DAYS`. */
import { constants, setPriority } from 'node:os';
import { notingFailure } from '../store/backup/attempt.js';
import { backUpDirectory } from '../store/backup/keep.js';

setPriority(constants.priority.PRIORITY_LOW);
const [directory, newest, days] = process.argv.slice(2);
const retention = { newest: Number(newest), days: Number(days) };
await notingFailure(directory!, () => backUpDirectory(directory!, retention));
