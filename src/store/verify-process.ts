/** The process that verifies a store after an unclean end: `node verify-process.js DIRECTORY`. It writes a `Verdict` as JSON, and nothing else. */
import { isSystemError, MillraceError, StateCorrupt, StateTooNew } from '../errors.js';
import { contradictionIn } from './contradictions.js';
import { SCHEMA_VERSION } from './envelope.js';
import { LmdbDatabase } from './lmdb.js';
import { statePaths } from './paths.js';
import { verifyDatabase } from './verify.js';
import type { Verdict } from './verify-child.js';

const MOST_PROBLEMS = 3;

process.stdout.write(JSON.stringify(await judge(process.argv[2]!)));

async function judge(directory: string): Promise<Verdict> {
  try {
    const database = LmdbDatabase.open(statePaths(directory), true, { older: true });
    const { ok, problems } = verifyDatabase(database);
    const contradiction =
      ok && database.schema === SCHEMA_VERSION ? contradictionIn(database, directory) : undefined;
    await database.close();
    if (contradiction !== undefined) return { problems: [contradiction] };
    return { problems: problems.slice(0, MOST_PROBLEMS) };
  } catch (error) {
    if (error instanceof StateTooNew) return { tooNew: error.found };
    if (error instanceof StateCorrupt) return { problems: [error.problem] };
    // A defect ends the process, and its parent tells of it.
    if (!(error instanceof MillraceError) && !isSystemError(error)) throw error;
    return { refused: error.message };
  }
}
