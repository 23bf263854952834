import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import type { MessagePort } from 'node:worker_threads';
import { quote } from '../../errors.js';
import { add, load, store, wordsOf } from '../../memory/atomic.js';
import type { FunctionCall, TaskId } from '../../task.js';
import { CappedOutput } from '../lane/output.js';
import { CallContext, type Surroundings } from './context.js';
import { type CallEnd, type CallMessage, type CallSettings, type CallStop, SharedWord } from './messages.js';

/** More messages of progress are left out: whoever tells without end would keep the run from all else. */
const MAX_BACKLOG = 1000;

type Callable = (input: unknown, context: CallContext) => unknown;

/** One call, as its thread knows it. */
export interface Call {
  readonly row: number;
  readonly call: FunctionCall;
  readonly attempt: number;
}

/** The functions of this thread, by path and export; modules stay loaded as long as the thread. */
const functions = new Map<string, Map<string, Callable>>();

/** What is written to stdout and stderr while a function is called. */
const output: { isKept: boolean; limit: number; kept: CappedOutput | undefined } = {
  isKept: false,
  limit: 0,
  kept: undefined,
};

captureOutput(process.stdout);
captureOutput(process.stderr);

/** Calls functions for a run, one at a time, in this thread. */
export class Caller {
  readonly #settings: CallSettings;
  readonly #port: MessagePort;
  readonly #surroundings: Surroundings;
  #context: CallContext | undefined;
  #stop: CallStop | undefined;

  /** Listens at the port: whatever comes there means that the call under way is to end. */
  constructor(settings: CallSettings, port: MessagePort, nameOf: (row: number) => TaskId) {
    this.#settings = settings;
    this.#port = port;
    output.limit = settings.outputLimit;
    const words = wordsOf(settings.shared);
    store(words, SharedWord.Begun, 1);
    const tell = (row: number, progress: unknown): void => {
      if (load(words, SharedWord.Backlog) >= MAX_BACKLOG) return;
      add(words, SharedWord.Backlog, 1);
      this.tell({ type: 'progress', row, progress });
    };
    this.#surroundings = { root: settings.root, nameOf, tell };
    port.on('message', (why: CallStop) => {
      this.#stop = why;
      this.#context?.abort(why);
    });
    port.unref();
  }

  /** Never throws, and is no promise unless the function's result is one. @returns what is to be said; undefined if all went well and there is nothing */
  call(call: Call): CallEnd | undefined | Promise<CallEnd | undefined> {
    const { export: name = 'default', module } = call.call;
    const known = functions.get(module)?.get(name);
    if (known === undefined) return this.#callUnknown(call, module, name);
    return this.#perform(call, known);
  }

  tell(message: CallMessage): void {
    this.#port.postMessage(message);
  }

  /** Tells the end of a call; that of one whose result can't be sent is a failure. @returns true if it has not failed */
  report(end: CallEnd): boolean {
    try {
      this.tell(end);
      return end.error === undefined;
    } catch (error) {
      const { result: _, ...rest } = end;
      this.tell({ ...rest, error: `Its result cannot be sent to another thread: ${messageOf(error)}.` });
      return false;
    }
  }

  async #callUnknown(call: Call, module: string, name: string): Promise<CallEnd | undefined> {
    output.isKept = true;
    try {
      const known = await importFunction(resolve(this.#settings.root, module), name);
      const ofModule = functions.get(module) ?? new Map<string, Callable>();
      functions.set(module, ofModule.set(name, known));
      return await this.#perform(call, known);
    } catch (error) {
      return this.#failed(call, `Its module ${quote(module)} cannot be used: ${whyNot(error)}.`, error);
    }
  }

  #perform(call: Call, known: Callable): CallEnd | undefined | Promise<CallEnd | undefined> {
    if (this.#stop !== undefined) return this.#aborted(call, this.#end());
    const context = new CallContext(call.row, call.attempt, this.#surroundings);
    this.#context = context;
    output.isKept = true;
    try {
      const result = known(call.call.input, context);
      return isPromise(result) ? this.#awaited(call, result) : this.#returned(call, result);
    } catch (error) {
      return this.#threw(call, error);
    }
  }

  async #awaited(call: Call, result: PromiseLike<unknown>): Promise<CallEnd | undefined> {
    try {
      return this.#returned(call, await result);
    } catch (error) {
      return this.#threw(call, error);
    }
  }

  #aborted({ row }: Call, kept: CappedOutput | undefined): CallEnd {
    return { type: 'ended', row, error: 'It was told to end.', ...outputOf(kept) };
  }

  #returned(call: Call, result: unknown): CallEnd | undefined {
    const kept = this.#end();
    // It may have returned for that.
    if (this.#stop !== undefined) return this.#aborted(call, kept);
    const { row } = call;
    if (result === undefined && kept === undefined) return undefined;
    return { type: 'ended', row, ...(result === undefined ? {} : { result }), ...outputOf(kept) };
  }

  /** What was thrown may be anything: to look at it may throw, too. */
  #threw(call: Call, error: unknown): CallEnd {
    try {
      return this.#failed(call, `It threw ${named(error)}.`, error);
    } catch {
      return this.#failed(call, 'It threw something that cannot be looked at.', new Error('unknown'));
    }
  }

  /** With what was thrown, as a command would show it. */
  #failed({ row }: Call, sentence: string, error: unknown): CallEnd {
    write(`${describe(error)}\n`);
    return { type: 'ended', row, error: sentence, ...outputOf(this.#end()) };
  }

  #end(): CappedOutput | undefined {
    const { kept } = output;
    output.isKept = false;
    output.kept = undefined;
    this.#context?.end();
    this.#context = undefined;
    return kept;
  }
}

/** @throws what the module throws; Error if there is no such function */
async function importFunction(path: string, name: string): Promise<Callable> {
  if (!existsSync(path)) throw new Error('there is no such file');
  const exports = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  // Of a CommonJS module, not all names are found before it runs; and its `default`, if it was an ES module once, is one of them.
  const found = [exports, exports.default]
    .map((one) => ownOf(one, name))
    .find((one) => typeof one === 'function');
  if (found !== undefined) return found as Callable;
  throw new Error(`it exports no function ${quote(name)}`);
}

/** Inherited names, such as `toString`, are no exports. */
function ownOf(value: unknown, name: string): unknown {
  const isThere = value !== null && value !== undefined && Object.hasOwn(value, name);
  return isThere ? (value as Record<string, unknown>)[name] : undefined;
}

const STACK_LINE = /^ +(?:at |\.{3} \d+ lines matching )/;
/**
 * A line of a stack where a method of `Caller` calls: by name, as source maps may name other files. Or one that stands for the end of
 * the stack, because that of the cause ends in the same way.
 */
const OUR_CALL = /^ +(?:at (?:async )?(?:Caller\.)?#(?:perform|awaited|callUnknown) |\.{3} )/;

/** As Node.js shows what nobody catches: with its causes and properties; stacks as far as they are the function's own. */
function describe(thrown: unknown): string {
  const kept: string[] = [];
  let isOurs = false;
  for (const line of inspect(thrown).split('\n')) {
    isOurs = STACK_LINE.test(line) && (isOurs || OUR_CALL.test(line));
    if (!isOurs) kept.push(line);
    // What follows a stack begins at the end of its last line.
    else if (line.endsWith(' {')) kept.push(`${kept.pop()} {`);
  }
  return kept.join('\n');
}

function captureOutput(stream: NodeJS.WriteStream): void {
  stream.write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
    const encoding = typeof rest[0] === 'string' ? (rest[0] as BufferEncoding) : 'utf8';
    write(chunk, encoding);
    const done = rest.at(-1);
    if (typeof done === 'function') queueMicrotask(done as () => void);
    return true;
  };
}

/** What is written while nothing is called belongs to nobody. */
function write(chunk: Uint8Array | string, encoding: BufferEncoding = 'utf8'): void {
  if (!output.isKept) return;
  output.kept ??= new CappedOutput(output.limit);
  output.kept.append(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk));
}

function outputOf(kept: CappedOutput | undefined): Pick<CallEnd, 'output' | 'truncated'> {
  return kept === undefined ? {} : { output: Uint8Array.from(kept.finish()), truncated: kept.truncated };
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  );
}

/** Our own errors say all; of those of the module, their kind says something, too. */
function whyNot(error: unknown): string {
  const said = error instanceof Error && error.name === 'Error' ? messageOf(error) : named(error);
  return said.replace(/ imported from .*$/, '');
}

function named(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${messageOf(error)}` : inspect(error);
}

/** Without a full stop, to stand in a sentence. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/\.$/, '');
}
