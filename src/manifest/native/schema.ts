import { z } from 'zod';
import { MAX_ID_BYTES, MAX_RETRIES } from '../../task.js';

/** The most milliseconds that a timer can wait for. */
export const MAX_TIMEOUT = 2 ** 31 - 1;

const text = z.string('must be a string');
const texts = z.array(text, 'must be a list of strings');
const word = z.union([text, z.number('must be a number')], 'must be a string or a number');
const integer = z.int('must be a whole number');
const unitDuration = text.regex(
  /^\d+(\.\d+)?(ms|s|m|h)$/,
  'must be a number with a unit (ms, s, m or h), such as "30s"',
);
const plainDuration = z.number('must be a number');
const variables = z.record(z.string(), text, 'must be a table of strings');

/** The message for a key that can't be left out. */
function orMissing(message: string) {
  return { error: ({ input }: { input?: unknown }) => (input === undefined ? 'is missing' : message) };
}

/** What a task, a template and a matrix entry can say alike. */
const body = {
  command: z
    .union([text, texts], 'must be a string or a list of strings')
    .exactOptional()
    .describe(
      'What to run: a string goes through `sh`; a list is a program and its arguments, without a shell. ' +
        'A task without a command groups its dependencies.',
    ),
  deps: texts.exactOptional().describe('Ids of the tasks that must be completed first.'),
  inputs: texts
    .exactOptional()
    .describe("Files that the task reads: globs, `!` excludes. Relative to the manifest's folder."),
  outputs: texts
    .exactOptional()
    .describe(
      "Files that the task writes: globs, `!` excludes. Relative to the manifest's folder, and within it.",
    ),
  env: variables.exactOptional().describe('Variables set for the command.'),
  inheritEnv: texts
    .exactOptional()
    .describe(
      'Names of inherited variables on which the result depends: a changed value makes the task run again.',
    ),
  cwd: text
    .exactOptional()
    .describe("Where the command runs, relative to the manifest's folder (the default)."),
  timeout: z
    .union([unitDuration, plainDuration], 'must be a number of milliseconds, or a string such as "30s"')
    .exactOptional()
    .describe(
      'Time after which an attempt is stopped and has failed: milliseconds, or a string with ms, s, m or h.',
    ),
  retries: integer
    .min(0, 'must not be negative')
    .max(MAX_RETRIES, `must be at most ${MAX_RETRIES}`)
    .exactOptional()
    .describe('Further attempts after a failure; 0 by default.'),
  pool: text.exactOptional().describe('The pool that bounds how many such tasks run at once.'),
  priority: integer
    .min(-1e9, 'must be at least -1000000000')
    .max(1e9, 'must be at most 1000000000')
    .exactOptional()
    .describe('Starts the task earlier among the ready ones: added, in milliseconds, to its remaining path.'),
  description: text.exactOptional().describe('What the progress display shows instead of the id.'),
  depfile: text
    .exactOptional()
    .describe('A Makefile-style dependency file that the command writes; the files it names become inputs.'),
  cache: z
    .boolean('must be true or false')
    .exactOptional()
    .describe('false: its outputs are neither kept for later nor restored; true by default.'),
};

/** How a task or a matrix entry uses a template. */
const use = {
  template: text.exactOptional().describe('The template that this extends.'),
  with: z
    .record(
      z.string(),
      z.union([word, z.array(word)], 'must be a string, a number or a list of these'),
      'must be a table',
    )
    .exactOptional()
    .describe("Values for the template's `{placeholders}`; a list stands for several words or entries."),
};

const template = z.strictObject(body, 'must be a table');
const task = z.strictObject({ ...use, ...body }, 'must be a table');
const matrix = z.strictObject(
  {
    id: z
      .string(orMissing('must be a string'))
      .describe('The id of each task, with `{placeholders}` for the values in `for`.'),
    for: z
      .record(
        z.string(),
        z.array(word, 'must be a list').min(1, 'must not be empty'),
        orMissing('must be a table of lists'),
      )
      .describe('Lists of values by name: one task for each combination.'),
    group: text
      .exactOptional()
      .describe('The id of a task without a command that depends on all tasks of this entry.'),
    ...use,
    ...body,
  },
  'must be a table',
);

const backups = z.strictObject(
  {
    every: z
      .union(
        [unitDuration, plainDuration.min(0, 'must not be negative'), z.literal(false)],
        'must be a number of milliseconds, a string such as "10m", or false',
      )
      .exactOptional()
      .describe(
        'A run that has changed something makes a backup of the state at its end, at most so often: milliseconds, or a string with ms, s, m or h; 10m by default. false: never.',
      ),
    newest: integer
      .min(2, 'must be at least 2')
      .exactOptional()
      .describe('How many of the newest backups stay; 3 by default.'),
    days: integer
      .min(0, 'must not be negative')
      .exactOptional()
      .describe('Of how many days, in UTC, the newest backup stays, too; 7 by default.'),
  },
  'must be a table',
);

/** The one description of millrace.toml and millrace.json. */
export const manifestSchema = z.strictObject(
  {
    $schema: text
      .exactOptional()
      .describe('Where an editor finds the JSON Schema of this file; millrace ignores it.'),
    default: texts.exactOptional().describe('Tasks to run when none is named; all by default.'),
    env: variables.exactOptional().describe("Variables set for all commands; a task's own come first."),
    inheritEnv: texts
      .exactOptional()
      .describe('Names of inherited variables on which the result of every task depends.'),
    pools: z
      .record(
        z.string(),
        integer.min(1, 'must be at least 1').max(2 ** 31 - 1, 'is too large'),
        'must be a table of numbers',
      )
      .exactOptional()
      .describe(
        'How many tasks of each pool may run at once. The pool "console" is built in: one task, with the terminal.',
      ),
    backups: backups.exactOptional().describe('The backups that are made by themselves.'),
    tasks: z
      .record(z.string(), task, 'must be a table of tasks')
      .exactOptional()
      .describe(`The tasks by id: a text of 1 to ${MAX_ID_BYTES} bytes.`),
    templates: z
      .record(z.string(), template, 'must be a table of templates')
      .exactOptional()
      .describe(
        'What many alike tasks have in common, by name. `{placeholder}` stands for a value that the task gives.',
      ),
    matrix: z
      .array(matrix, 'must be a list of tables')
      .exactOptional()
      .describe('Tasks that are made from lists of values.'),
  },
  'must be a table',
);

export type RawManifest = z.infer<typeof manifestSchema>;
export type RawBackups = z.infer<typeof backups>;
export type RawTask = z.infer<typeof task>;
export type RawMatrix = z.infer<typeof matrix>;
/** What a task says about itself, with or without a template. */
export type TaskBody = z.infer<typeof template>;
/** A value for a placeholder. */
export type RawValue = NonNullable<RawTask['with']>[string];

/** The JSON Schema (draft 7, which all editors know) of the manifest. */
export function jsonSchema(): object {
  const schema = z.toJSONSchema(manifestSchema, { target: 'draft-7', io: 'input' });
  return {
    ...schema,
    title: 'millrace manifest',
    description: 'The tasks of a build: millrace.toml or millrace.json.',
  };
}

const KEYS = {
  manifest: Object.keys(manifestSchema.shape),
  tasks: Object.keys(task.shape),
  templates: Object.keys(template.shape),
  matrix: Object.keys(matrix.shape),
  backups: Object.keys(backups.shape),
};

/** The keys that the table at a path may have, if they are fixed. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return KEYS.manifest;
  const [section] = path;
  if (path.length === 1 && section === 'backups') return KEYS.backups;
  return path.length === 2 && (section === 'tasks' || section === 'templates' || section === 'matrix')
    ? KEYS[section]
    : [];
}
