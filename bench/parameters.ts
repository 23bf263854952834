import { Argument, Command, InvalidArgumentError, Option } from 'commander';

/** What `npm run bench -- …` was given. */
export interface Parameters {
  /** Parts of names of suites; none: all of them. */
  readonly suites: readonly string[];
  /** Where the results go, as JSON. */
  readonly json: string | undefined;
  /** Of the suite `sharing`: how many threads at a time. */
  readonly threads: readonly number[];
  readonly tasks: number;
  /** Which rows they change: all the same one, each its own, or first those and then that. */
  readonly contention: 'hot' | 'spread' | 'both';
  /** What a suite in a process of its own is given again. */
  readonly passedOn: readonly string[];
  /** That this is such a process. */
  readonly isPart: boolean;
}

type Options = Omit<Parameters, 'suites' | 'passedOn' | 'isPart'> & { readonly part: boolean };

const MOST_THREADS = 200;
const LEAST_TASKS = 1000;
/** The suite that threads, tasks and contention are about. */
const SHARING = 'sharing';

/** Ends the process with a sentence if that is wrong. */
export function parameters(): Parameters {
  const command = new Command('npm run bench --')
    .addArgument(new Argument('[suite...]', 'suites, by parts of their names (default: all of them)'))
    .option('--json <file>', 'where the results go')
    .addOption(
      new Option('--threads <counts>', `how many threads share a state, such as 1,2,4 (${SHARING})`)
        .argParser(threadCounts)
        .default([1, 2], '1,2'),
    )
    .addOption(
      new Option('--tasks <count>', `how many tasks they share, such as 1e6 (${SHARING})`)
        .argParser(taskCount)
        .default(1e6, '1e6'),
    )
    .addOption(
      new Option('--contention <kind>', `whether they change the same row or others (${SHARING})`)
        .choices(['hot', 'spread', 'both'])
        .default('both'),
    )
    .addOption(new Option('--part').hideHelp().default(false))
    .addHelpText('after', `\nWith an option of ${SHARING}, and no suite, that one alone.`)
    .parse();
  const { part, ...options } = command.opts<Options>();
  const { contention, tasks, threads } = options;
  const isShared = ['threads', 'tasks', 'contention'].some(
    (name) => command.getOptionValueSource(name) === 'cli',
  );
  return {
    ...options,
    suites: command.args.length === 0 && isShared ? [SHARING] : command.args,
    passedOn: ['--threads', threads.join(), '--tasks', String(tasks), '--contention', contention],
    isPart: part,
  };
}

/** One thread, with which the others are compared, is always among them. */
function threadCounts(given: string): number[] {
  const counts = given.split(',').map(Number);
  if (!counts.every((count) => Number.isInteger(count) && count > 0 && count < MOST_THREADS))
    throw new InvalidArgumentError('Name numbers of threads, such as 1,2,4.');
  return [...new Set([1, ...counts])];
}

function taskCount(given: string): number {
  const count = Number(given);
  if (!Number.isInteger(count) || count < LEAST_TASKS)
    throw new InvalidArgumentError(`Name a number from ${LEAST_TASKS} on, such as 1e6.`);
  return count;
}
