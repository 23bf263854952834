import { didYouMean } from '../../hint.js';
import { OutputClaims, plainOutput } from '../../output-claims.js';
import { rootPath } from '../../paths.js';
import { MAX_ID_BYTES, type TaskDefinition, type TaskId } from '../../task.js';
import { onlyExcludes, slowPattern, TOO_SLOW } from '../../values.js';
import { type Path, shown } from './document.js';
import { type Draft, merge, whereIs } from './draft.js';
import { toMilliseconds } from './duration.js';
import { invalidOutput } from './outputs.js';
import type { Problems } from './problems.js';
import { MAX_TIMEOUT, type RawManifest, type TaskBody } from './schema.js';

/** The pool that every build has. */
const CONSOLE = 'console';

/** Turns drafts into definitions and reports what is wrong with them. O(length of the drafts). */
export class TaskBuilder {
  readonly #manifest: RawManifest;
  readonly #problems: Problems;
  /** With where each is written. */
  readonly #ids = new Map<TaskId, Path>();
  readonly #pools: ReadonlySet<string>;
  readonly #claims = new OutputClaims<TaskId>();

  readonly #root: string;

  /** @param root the manifest's folder, absolute */
  constructor(manifest: RawManifest, problems: Problems, root: string) {
    this.#manifest = manifest;
    this.#root = root;
    this.#problems = problems;
    this.#pools = new Set([CONSOLE, ...Object.keys(manifest.pools ?? {})]);
  }

  build(drafts: readonly Draft[]): TaskDefinition[] {
    const named = drafts.filter((draft) => this.#addId(draft));
    this.#checkManifest();
    const tasks = named.map((draft) => this.#buildTask(draft));
    return tasks.map((task) => this.#afterMakers(task));
  }

  /** Who makes a file that a task names as an input is a dependency, named or not. */
  #afterMakers(task: TaskDefinition): TaskDefinition {
    const dependencies = new Set(task.dependencies);
    for (const input of task.inputs ?? []) {
      const path = plainOutput(input);
      const maker = path === undefined ? undefined : this.#claims.makerOf(rootPath(path, this.#root));
      if (maker !== undefined && maker !== task.id) dependencies.add(maker);
    }
    return dependencies.size === (task.dependencies?.length ?? 0)
      ? task
      : { ...task, dependencies: [...dependencies] };
  }

  /** Whether the id can be used. */
  #addId({ id, path, idPath = path }: Draft): boolean {
    const message = this.#invalidId(id);
    const other = this.#ids.get(id);
    this.#ids.set(id, idPath);
    if (message === undefined) return true;
    if (idPath === path) this.#problems.atKey(path, message);
    else this.#problems.atValue(idPath, message, () => this.#missingPlaceholder(id, idPath, other));
    return false;
  }

  /** For two tasks of one matrix entry: that its id does not tell them apart. */
  #missingPlaceholder(id: TaskId, [section, index]: Path, other: Path | undefined): string | undefined {
    if (section !== 'matrix' || other?.[0] !== 'matrix' || other[1] !== index) return undefined;
    const entry = this.#manifest.matrix![index as number]!;
    const name = Object.keys(entry.for).find(
      (name) => entry.for[name]!.length > 1 && !entry.id.includes(`{${name}}`),
    );
    return name === undefined || id === entry.group
      ? undefined
      : `"id" needs a placeholder for each list with several values: "{${name}}" is missing`;
  }

  #invalidId(id: TaskId): string | undefined {
    if (id === '') return 'the id of a task must not be empty';
    if (this.#ids.has(id)) return `there is another task with the id ${shown(id)}`;
    const bytes = Buffer.byteLength(id);
    return bytes > MAX_ID_BYTES
      ? `the task id ${shown(id)} has ${bytes} bytes; the limit is ${MAX_ID_BYTES}`
      : undefined;
  }

  #checkManifest(): void {
    const { pools = {}, env = {}, inheritEnv = [], default: defaults = [] } = this.#manifest;
    if (Object.hasOwn(pools, CONSOLE)) {
      this.#problems.atKey(['pools', CONSOLE], `the pool "${CONSOLE}" is built in and can't be defined`);
    }
    for (const name of Object.keys(env)) {
      if (isBadVariable(name)) this.#problems.atKey(['env', name], badVariable(name));
    }
    inheritEnv.forEach((name, index) => {
      if (isBadVariable(name)) this.#problems.atValue(['inheritEnv', index], badVariable(name));
    });
    defaults.forEach((id, index) => {
      if (!this.#ids.has(id)) this.#unknownTask(id, ['default', index]);
    });
  }

  #unknownTask(id: TaskId, path: Path): void {
    this.#problems.atValue(path, `no task is named ${shown(id)}`, () =>
      didYouMean(id, [...this.#ids.keys()]),
    );
  }

  #buildTask(draft: Draft): TaskDefinition {
    const body = merge(draft);
    this.#checkCommand(draft, body);
    this.#checkDependencies(draft, body);
    this.#checkPaths(draft, body);
    this.#checkVariables(draft, body);
    this.#checkPool(draft, body);
    return toDefinition(draft.id, body, this.#timeoutOf(draft, body), this.#manifest);
  }

  #checkCommand(draft: Draft, { command, inputs, outputs, depfile }: TaskBody): void {
    const program = typeof command === 'string' ? command.trim() : command?.[0];
    if (command !== undefined && !program) {
      const hint = () => 'leave "command" out for a task that only groups others';
      this.#problems.atValue(
        whereIs(draft, 'command'),
        `the command of task ${shown(draft.id)} is empty`,
        hint,
      );
    }
    if (command !== undefined) return;
    for (const [key, value, does] of [
      ['inputs', inputs?.length, 'reads'],
      ['outputs', outputs?.length, 'makes'],
      ['depfile', depfile, 'makes'],
    ] as const) {
      const message = `task ${shown(draft.id)} has ${shown(key)}, but no command that ${does} them`;
      if (value) this.#problems.atValue(whereIs(draft, key), message);
    }
  }

  #checkDependencies(draft: Draft, { deps = [] }: TaskBody): void {
    deps.forEach((dependency, index) => {
      if (dependency === draft.id) {
        this.#problems.atValue(whereIs(draft, 'deps', index), `task ${shown(draft.id)} depends on itself`);
      } else if (!this.#ids.has(dependency)) this.#unknownTask(dependency, whereIs(draft, 'deps', index));
    });
  }

  #checkPaths(draft: Draft, { inputs = [], outputs = [], depfile, cwd }: TaskBody): void {
    const report = (path: Path, what: string, text: string, reason: string) =>
      this.#problems.atValue(path, `the ${what} ${shown(text)} of task ${shown(draft.id)} ${reason}`);
    inputs.forEach((input, index) => {
      if (input === '' || input === '!') report(whereIs(draft, 'inputs', index), 'input', input, 'is empty');
    });
    for (const [key, patterns] of [
      ['inputs', inputs],
      ['outputs', outputs],
    ] as const) {
      const slow = slowPattern(patterns);
      if (slow !== undefined)
        report(whereIs(draft, key, patterns.indexOf(slow)), key.slice(0, -1), slow, TOO_SLOW);
      const message = `the ${key} of task ${shown(draft.id)} only leave files out, so there are none`;
      if (onlyExcludes(patterns)) this.#problems.atValue(whereIs(draft, key), message);
    }
    outputs.forEach((output, index) => {
      const reason = invalidOutput(output);
      if (reason) report(whereIs(draft, 'outputs', index), 'output', output, reason);
    });
    const conflict = this.#claims.conflict({ outputs }, draft.id);
    if (conflict === undefined) this.#claims.add({ outputs }, draft.id);
    else {
      const { output, other, theirs } = conflict;
      const where = whereIs(draft, 'outputs', outputs.indexOf(output));
      const reason =
        theirs === undefined
          ? `is an output of task ${shown(other)}, too`
          : `lies in, or holds, ${shown(theirs)}, an output of task ${shown(other)}`;
      report(where, 'output', output, reason);
    }
    const reason = depfile === undefined ? undefined : invalidOutput(depfile);
    if (reason) report(whereIs(draft, 'depfile'), 'depfile', depfile!, reason);
    if (cwd === '') report(whereIs(draft, 'cwd'), 'cwd', cwd, 'is empty');
  }

  #checkVariables(draft: Draft, { env = {}, inheritEnv = [] }: TaskBody): void {
    for (const name of Object.keys(env)) {
      if (isBadVariable(name)) this.#problems.atKey(whereIs(draft, 'env', name), badVariable(name));
    }
    inheritEnv.forEach((name, index) => {
      if (isBadVariable(name)) this.#problems.atValue(whereIs(draft, 'inheritEnv', index), badVariable(name));
    });
  }

  #checkPool(draft: Draft, { pool }: TaskBody): void {
    if (pool === undefined || this.#pools.has(pool)) return;
    const hint = () => didYouMean(pool, [...this.#pools]) ?? 'define it in [pools]';
    this.#problems.atValue(whereIs(draft, 'pool'), `no pool is named ${shown(pool)}`, hint);
  }

  /** In milliseconds. */
  #timeoutOf(draft: Draft, { timeout }: TaskBody): number | undefined {
    if (timeout === undefined) return undefined;
    const milliseconds = toMilliseconds(timeout);
    if (milliseconds > 0 && milliseconds <= MAX_TIMEOUT) return milliseconds;
    const message = `the timeout of task ${shown(draft.id)} must be more than 0 and at most ${MAX_TIMEOUT} ms (24 days)`;
    this.#problems.atValue(whereIs(draft, 'timeout'), message);
    return undefined;
  }
}

function isBadVariable(name: string): boolean {
  return name === '' || name.includes('=');
}

function badVariable(name: string): string {
  return `${shown(name)} can't be the name of a variable: it must not be empty or hold "="`;
}

function toDefinition(
  id: TaskId,
  body: TaskBody,
  timeout: number | undefined,
  { env, inheritEnv }: RawManifest,
): TaskDefinition {
  const { deps, env: _, inheritEnv: __, timeout: ___, ...same } = body;
  const variables = { ...env, ...body.env };
  const inherited = [...new Set([...(inheritEnv ?? []), ...(body.inheritEnv ?? [])])];
  return {
    id,
    ...same,
    ...(deps && { dependencies: deps }),
    ...(Object.keys(variables).length > 0 && { env: variables }),
    ...(inherited.length > 0 && { inheritEnv: inherited }),
    ...(timeout !== undefined && { timeout }),
  };
}
