import type { ExecFileException } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isSystemError, StateTooNew, StateUnavailable, systemWords } from '../errors.js';
import { SCHEMA_VERSION } from './envelope.js';
import type { StatePaths } from './paths.js';
import { prepareToRead } from './readers.js';

/** What the process that verifies a store says of it: what is wrong, that its schema is too new to be judged, or why the store could not be read. */
export type Verdict =
  | { readonly problems: readonly string[] }
  | { readonly tooNew: number }
  | { readonly refused: string };

/** What the end of such a process tells of the store. `crash`: a signal that damage causes, and seldom something else; `failure`: nothing of the store. */
type Ending =
  | { readonly kind: 'verdict'; readonly problem: string | undefined }
  | { readonly kind: 'too-new'; readonly found: number }
  | { readonly kind: 'crash' | 'failure'; readonly why: string };

/** Milliseconds that a child may take to verify a store: many times what a large one needs. */
const CHILD_TIMEOUT = 300_000;

/** What Node.js and the C++ library say before they end by SIGABRT for want of memory or threads. */
const WANTING =
  /out of memory|bad_alloc|cannot allocate memory|resource temporarily unavailable|uv_thread_create|pthread_create/i;

/**
 * Verifies a store in a process of its own, because LMDB may crash on a damaged one. Damage is only what that process says, or a crash that damage causes:
 * a sound store must not go because the system has ended its process. Then another one tries.
 * @returns what is wrong, or undefined
 * @throws DiskFull; StateTooNew; StateUnavailable if nobody knows, as the second process has ended in such a way, too
 */
export async function verifyInChild(paths: StatePaths): Promise<string | undefined> {
  // Here, as that it has no room on the disk is told to us.
  prepareToRead(paths);
  const { directory } = paths;
  const first = await runChild(directory);
  const isTelling = first.kind === 'verdict' || first.kind === 'too-new';
  const last = isTelling ? first : await runChild(directory);
  if (last.kind === 'verdict') return last.problem;
  if (last.kind === 'too-new') throw new StateTooNew(directory, last.found, SCHEMA_VERSION);
  if (first.kind === 'crash' && last.kind === 'crash') return `reading it ended a process with ${last.why}`;
  throw new StateUnavailable(
    `The state in ${directory} could not be verified: the process that reads it ${toldOf(last)}. Nothing was changed; run it again.`,
  );
}

async function runChild(directory: string): Promise<Ending> {
  // Loaded here, because hardly any opening needs it.
  const { execFile } = await import('node:child_process');
  const script = fileURLToPath(new URL('../../bundle/lib/verify-process.js', import.meta.url));
  const options = { timeout: CHILD_TIMEOUT, env: { ...process.env, NODE_OPTIONS: '' } };
  return new Promise((resolve) => {
    try {
      execFile(process.execPath, [script, directory], options, (error, stdout, stderr) => {
        resolve(endingOf(verdictIn(stdout), error, stderr));
      });
    } catch (error) {
      // What keeps a process from being started is thrown, or told, depending on what it is.
      resolve(endingOf(undefined, error as ExecFileException, ''));
    }
  });
}

/** Undefined if a process has not come to the end of its sentence. */
function verdictIn(stdout: string): Verdict | undefined {
  try {
    return JSON.parse(stdout) as Verdict;
  } catch {
    return undefined;
  }
}

function endingOf(verdict: Verdict | undefined, error: ExecFileException | null, stderr: string): Ending {
  if (verdict !== undefined) return judgement(verdict);
  if (error?.killed) return failure(`took more than ${CHILD_TIMEOUT / 1000} s`);
  if (isSystemError(error)) return failure(`could not be started (${systemWords(error)})`);
  const signal = error?.signal;
  const isCrash =
    signal === 'SIGSEGV' || signal === 'SIGBUS' || (signal === 'SIGABRT' && !WANTING.test(stderr));
  if (isCrash) return { kind: 'crash', why: signal };
  if (signal) return failure(`was ended by ${signal}`);
  const said = /^\w*Error.*$/m.exec(stderr)?.[0];
  return failure(`ended without a verdict${said === undefined ? '' : ` (${said})`}`);
}

function judgement(verdict: Verdict): Ending {
  if ('tooNew' in verdict) return { kind: 'too-new', found: verdict.tooNew };
  if ('refused' in verdict) return failure(`was refused something (${asClause(verdict.refused)})`);
  return { kind: 'verdict', problem: asClause(verdict.problems.join(' ')) || undefined };
}

const failure = (why: string): Ending => ({ kind: 'failure', why });

const toldOf = ({ kind, why }: Extract<Ending, { readonly why: string }>): string =>
  kind === 'failure' ? why : `was ended by ${why}`;

/** Sentences, to stand in parentheses. */
const asClause = (text: string): string =>
  text
    .trim()
    .replace(/\.$/, '')
    .replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());
