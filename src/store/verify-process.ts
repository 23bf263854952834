/** The process that verifies a store after an unclean end: `node verify-process.js DIRECTORY`; exit 1 = damaged. */
import { LmdbDatabase } from './lmdb.js';
import { statePaths } from './paths.js';
import { verifyDatabase } from './verify.js';

const database = LmdbDatabase.open(statePaths(process.argv[2]!), true, { older: true });
const { ok, problems } = verifyDatabase(database);
await database.close();
if (!ok) {
  process.stdout.write(problems.slice(0, 3).join(' '));
  process.exitCode = 1;
}
