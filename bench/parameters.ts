import { parseArgs } from 'node:util';

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

export function parameters(): Parameters {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      part: { type: 'boolean', default: false },
      threads: { type: 'string', default: '1,2' },
      tasks: { type: 'string', default: '1e6' },
      contention: { type: 'string', default: 'both' },
    },
  });
  const threads = values.threads.split(',').map(Number);
  if (!threads.every((count) => Number.isInteger(count) && count > 0 && count < 200)) {
    throw new Error('--threads takes numbers of threads, such as 1,2,4.');
  }
  const tasks = Number(values.tasks);
  if (!Number.isInteger(tasks) || tasks < 1000)
    throw new Error('--tasks takes a number from 1000 on, such as 1e6.');
  const { contention } = values;
  if (contention !== 'hot' && contention !== 'spread' && contention !== 'both') {
    throw new Error('--contention is hot, spread or both.');
  }
  return {
    suites: positionals,
    json: values.json,
    threads: [...new Set([1, ...threads])],
    tasks,
    contention,
    passedOn: ['--threads', values.threads, '--tasks', values.tasks, '--contention', contention],
    isPart: values.part,
  };
}
