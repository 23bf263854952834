import { main } from '../../../src/cli/program.js';
import { fakeContext } from '../../cli/support.js';
import type { Template } from './template.js';

/** A command that meets a damaged state before it is opened. */
export interface Command {
  readonly args: readonly string[];
  /** The digest of the state that it makes, if it succeeds; `any` if nobody knows. Undefined if it changes nothing. */
  readonly makes?: string;
}

/** What a command has done. */
export interface Done {
  readonly exitCode: number;
  /** What is wrong with how it ended. */
  readonly finding: string | undefined;
}

const SENTENCE = /^millrace: error: [^\n]+[.)]$/;

/** The commands, of which each round plays at most one. */
export function commandsFor({ backups, exported }: Template): Command[] {
  const args = ['status', 'history', 'why round-0/task-1', 'backup --list', 'backup', 'export --history'];
  return [
    ...[...args, 'verify', 'verify --repair', 'artifacts', 'artifacts verify', 'gc', 'run -n'].map((text) =>
      words(text),
    ),
    ...['run', 'run --isolation process', 'run --force', 'run --failed'].map((text) => words(text, 'any')),
    ...backups.map(({ name, digest }) => words(`restore ${name}`, digest)),
    { args: ['import', exported.copy], makes: exported.digest },
  ];
}

/** Plays a command in this process, which it must not end, and judges what it says. */
export async function execute({ args }: Command, { project }: Template, directory: string): Promise<Done> {
  const context = fakeContext();
  const exitCode = await main([...args, '-C', project, '--state', directory], {
    ...context,
    now: Date.now,
  });
  return { exitCode, finding: judge(exitCode, context.stdout.text, context.stderr.text) };
}

function judge(exitCode: number, stdout: string, stderr: string): string | undefined {
  const said = stderr.slice(0, 1000);
  if (exitCode < 0 || exitCode > 3) return `ended with ${exitCode}: ${said}`;
  if (/^\s+at /m.test(stderr)) return `a stack was printed: ${said}`;
  const errors = stderr.split('\n').filter((line) => line.startsWith('millrace: error: '));
  if (errors.length > 1 || !errors.every((line) => SENTENCE.test(line))) return `not a sentence: ${said}`;
  // What `verify` and `run` have to say of a failure is not an error of theirs.
  if (exitCode > 0 && errors.length === 0 && stdout === '')
    return `ended with ${exitCode} and said nothing: ${said}`;
  return undefined;
}

function words(text: string, makes?: string): Command {
  return { args: text.split(' '), ...(makes === undefined ? {} : { makes }) };
}
