import { z } from 'zod';
import { MAX_ID_BYTES, OUTCOMES, STATUS_NAMES, type TaskDefinition } from '../task.js';

/*
 * An export is a document of four lists, between a head and an end. It holds what is known, not where it lies in memory: files by
 * their paths and contents by their SHA-256 digests, so that it can be read on any machine, by any program, and by every later version.
 */
export const FORMAT = 'millrace state';
export const FORMAT_VERSION = 1;

const text = z.string();
const texts = z.array(text);
const count = z.int().min(0);
/** Higher than any run: the next one has a number, too. */
const runNumber = count.max(2 ** 31 - 1);
const milliseconds = z.number().min(0);
const json = z.unknown();

const content = text
  .regex(/^([0-9a-f]{64}|unknown|missing|folder|special)$/)
  .describe('The SHA-256 digest of a file, or in a word what has none.');
const digest = text
  .regex(/^([0-9a-f]{16}|unset)$/)
  .describe('The beginning of the SHA-256 digest of a value; `unset` if there is none.');
const digests = z.record(text, digest);
const files = z
  .array(z.tuple([text.min(1), content]))
  .describe('Paths, each with the content that was seen.');

/** As `TaskDefinition`, which says what each means. */
const definition = {
  id: text.min(1).max(MAX_ID_BYTES),
  dependencies: texts.exactOptional(),
  priority: z.number().exactOptional(),
  command: z.union([text, texts]).exactOptional(),
  function: z
    .strictObject({ module: text, export: text.exactOptional(), input: json.optional() })
    .exactOptional(),
  inputs: texts.exactOptional(),
  outputs: texts.exactOptional(),
  literal: z.boolean().exactOptional(),
  optionalOutputs: z.boolean().exactOptional(),
  env: z.record(text, text).exactOptional(),
  inheritEnv: texts.exactOptional(),
  cwd: text.exactOptional(),
  timeout: milliseconds.exactOptional(),
  retries: count.exactOptional(),
  pool: text.exactOptional(),
  description: text.exactOptional(),
  depfile: text.exactOptional(),
  depfileConsumed: z.boolean().exactOptional(),
  ignoreCommandChange: z.boolean().exactOptional(),
  cache: z.boolean().exactOptional(),
  responseFile: z.strictObject({ path: text, content: text }).exactOptional(),
  data: json.optional(),
} satisfies Record<keyof TaskDefinition, z.ZodType>;

const success = z
  .strictObject({
    command: content.describe('Stands for the command and all that it is told.'),
    environment: content.describe('Stands for the variables that the task declares.'),
    inputs: files.describe('Declared inputs.'),
    discovered: files.exactOptional().describe('Inputs that a depfile named.'),
    outputs: files.exactOptional().describe('What the task has made.'),
    foreign: files.exactOptional().describe('What matches its outputs, but was not made by it.'),
  })
  .describe('The last successful execution: what the task is compared with to tell whether it is fresh.');

const task = z.strictObject({
  ...definition,
  status: z.enum(STATUS_NAMES, `must be one of ${STATUS_NAMES.join(', ')}`),
  outcome: z.enum(OUTCOMES).exactOptional(),
  attempt: count.max(127).exactOptional().describe('Attempts since the task was last defined or reset.'),
  duration: milliseconds.exactOptional().describe('Milliseconds of the last attempt that ran.'),
  artifact: content.exactOptional().describe('The version of its artifacts that was recorded as its own.'),
  success: success.exactOptional(),
});

const environment = z.strictObject({
  key: content.describe('What `environment` of a success is.'),
  variables: digests,
});

const runEnd = z.strictObject({
  result: z.enum(['succeeded', 'failed', 'cancelled']),
  total: count,
  executed: count,
  cached: count,
  fresh: count,
  failed: count,
  blocked: count,
  cancelled: count,
  duration: milliseconds,
});

const run = z.strictObject({
  run: runNumber.min(1),
  targets: texts,
  jobs: count.min(1),
  start: milliseconds.describe('Milliseconds since the epoch.'),
  version: text.exactOptional(),
  arguments: texts.exactOptional(),
  end: runEnd.exactOptional().describe('Left out if the run was interrupted.'),
});

const trace = z.strictObject({
  kind: z
    .enum(['nothing', 'whole', 'change'])
    .describe('Nothing was known; all that was seen; what was seen but for this.'),
  command: content.exactOptional(),
  environment: content.exactOptional(),
  inputs: files.exactOptional(),
  gone: texts.exactOptional().describe('What is no input any more.'),
});

const attempt = z.strictObject({
  run: runNumber.min(1),
  task: text.min(1),
  start: milliseconds,
  duration: milliseconds,
  outcome: z.enum(OUTCOMES),
  exitCode: z.int().exactOptional(),
  signal: text.exactOptional(),
  message: text.exactOptional(),
  reason: json.optional(),
  key: text.regex(/^[0-9a-f]{16}$/).exactOptional(),
  was: trace
    .exactOptional()
    .describe('Leads from what the attempt after it saw to what the one before it saw.'),
  saw: trace.exactOptional().describe('Leads from the last success to what an attempt saw that was none.'),
  definition: digests.exactOptional().describe('Of the parts of the definition, if it was another one.'),
});

const head = z.strictObject({
  format: z.literal(FORMAT, 'this is no export of millrace'),
  version: z.literal(FORMAT_VERSION, {
    error: ({ input }) =>
      input === undefined
        ? 'is not on the line where millrace writes it: an export cannot be formatted anew'
        : `this millrace reads version ${FORMAT_VERSION}, which this is not`,
  }),
  history: z.boolean().describe('Whether runs and attempts are in here.'),
  newestRun: runNumber.describe('The number of the newest run that was ever begun.'),
});

const end = z.strictObject({
  entries: count.describe('How many there are in all lists.'),
  checksum: text.regex(/^[0-9a-f]{64}$/).describe('SHA-256 of all lines before this one.'),
});

/** What the lists hold, in their order. */
export const SECTIONS = { environments: environment, tasks: task, runs: run, attempts: attempt } as const;

export type Section = keyof typeof SECTIONS;
export type Head = z.infer<typeof head>;
export type End = z.infer<typeof end>;
export type TaskEntry = z.infer<typeof task>;
export type SuccessEntry = z.infer<typeof success>;
export type EnvironmentEntry = z.infer<typeof environment>;
export type RunEntry = z.infer<typeof run>;
export type AttemptEntry = z.infer<typeof attempt>;
export type TraceEntry = z.infer<typeof trace>;

/** An entry of a list. */
export type Entry =
  | { readonly section: 'environments'; readonly value: EnvironmentEntry }
  | { readonly section: 'tasks'; readonly value: TaskEntry }
  | { readonly section: 'runs'; readonly value: RunEntry }
  | { readonly section: 'attempts'; readonly value: AttemptEntry };

/** What is read of a document, one after the other. */
export type Item = { readonly section: 'head'; readonly value: Head } | Entry;

export const headSchema = head;
export const endSchema = end;
export const successSchema = success;
export const traceSchema = trace;
export const runEndSchema = runEnd;

/** The JSON Schema (2020-12) of an export in JSON. */
export function exportSchema(): object {
  const lists = Object.entries(SECTIONS).map(
    ([name, entry]) => [name, z.array(entry).exactOptional()] as const,
  );
  const document = z.strictObject({ ...head.shape, ...Object.fromEntries(lists), end });
  return {
    ...z.toJSONSchema(document, { io: 'input' }),
    title: 'millrace export',
    description: 'The state of a build, as `millrace export` writes it.',
  };
}
