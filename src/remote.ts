/**
 * Calls between threads as methods of a typed object, for what is said seldom: settings, commands, questions to a worker. State is better shared.
 *
 * @module millrace/remote
 */
import { inspect } from 'node:util';
import { MessagePort } from 'node:worker_threads';
import { type Endpoint, expose, releaseProxy, wrap } from 'comlink';
import { InvalidArgument, MillraceError, quote } from './errors.js';
import { isObject, shown } from './values.js';

/** What the other side may call: plain functions by name. An interface will do as well as a type. */
export type Provided<Functions> = {
  readonly [Name in keyof Functions]: (...values: never[]) => unknown;
};

/** The functions that the other side provides; each call is a promise. */
export type Remote<Functions> = {
  readonly [Name in keyof Functions]: Functions[Name] extends (...values: infer Values) => infer Result
    ? (...values: Values) => Promise<Awaited<Result>>
    : never;
};

/** The thread that was called has ended, or has closed its port, before it answered. */
export class RemoteGone extends MillraceError {
  constructor(name: string) {
    super(
      'REMOTE_GONE',
      `The call of ${quote(name)} got no answer, as the other thread has ended, or the port was closed at one of its ends; it may have happened or not.`,
    );
  }
}

/** What comlink says of a result that cannot be cloned. */
const UNSENDABLE = 'Unserializable return value';

/** What is not called at the other end: whoever awaits, compares or prints a remote calls these. */
const LOCAL = new Set(['then', 'toJSON', 'toString', 'valueOf']);

/** Ports at which functions are provided. */
const provided = new WeakSet<MessagePort>();

/** How an answer looks on its way. */
type Answer = { readonly value: unknown } | { readonly error: Problem };

interface Problem {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

/**
 * Lets whoever holds the other end of a port call these functions, and nothing else: no property of them, no prototype, nothing that can lead to other
 * code of this thread. What a function returns is cloned, or a promise of that. Only an object's own
 * functions count, so methods of a class are named one by one.
 * @param port stays in use until it is closed; it does not keep the thread alive beside other work
 * @throws InvalidArgument if something is no function, or named as what JavaScript calls by itself (`then`, `toJSON`, `toString`, `valueOf`); if the port is none, or provides something already
 */
export function provide<Functions extends Provided<Functions>>(
  port: MessagePort,
  functions: Functions,
): void {
  requirePort('provide', port);
  if (!isObject(functions))
    throw new InvalidArgument(`provide takes an object of functions, not ${shown(functions)}.`);
  if (provided.has(port))
    throw new InvalidArgument('This port provides functions already: provide all of them at once.');
  const allowed = Object.create(null) as Record<string, unknown>;
  const entries = Object.entries(functions);
  if (entries.length === 0)
    throw new InvalidArgument(
      `provide takes an object with functions of its own; ${shown(functions)} has none.`,
    );
  for (const [name, callee] of entries) {
    if (typeof callee !== 'function') {
      throw new InvalidArgument(`Only functions can be provided to other threads; ${quote(name)} is none.`);
    }
    if (LOCAL.has(name))
      throw new InvalidArgument(
        `No function can be provided as ${quote(name)}, which JavaScript calls by itself.`,
      );
    allowed[name] = Object.freeze(bare(callee as (...values: unknown[]) => unknown));
  }
  provided.add(port);
  expose(Object.freeze(allowed), endpointOf(port, isFit));
}

/** Node.js tells that a port closes only who listens then; afterwards nothing but its text for a person says so. */
const isClosed = (port: MessagePort): boolean => /^ *active: false\b/m.test(inspect(port, { depth: 0 }));

/**
 * The functions that were provided at the other end of a port, until it is closed, which is what disposing of them does. Each call settles: with the result, with an error that has the `name`, `message`, `code` and
 * `stack` of the one that was thrown, or with `RemoteGone`.
 * @throws InvalidArgument if the port is none
 */
export function remote<Functions>(port: MessagePort): Remote<Functions> & Disposable {
  requirePort('remote', port);
  const far = wrap<Record<string, (...values: unknown[]) => Promise<Answer>>>(endpointOf(port));
  const waiting = new Set<() => void>();
  let isGone = isClosed(port);
  port.once('close', () => {
    isGone = true;
    for (const end of waiting) end();
  });
  const call = (name: string, values: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const end = (): void => reject(new RemoteGone(name));
      if (isGone) return end();
      waiting.add(end);
      port.ref();
      far[name]!(...values)
        .then(
          (answer) => resolve(resultOf(answer)),
          (error: Error) => reject(undelivered(error, name)),
        )
        .catch(reject)
        .finally(() => {
          waiting.delete(end);
          if (waiting.size === 0) port.unref();
        });
    });
  const release = (): void => {
    if (isGone) return;
    isGone = true;
    far[releaseProxy]();
    port.close();
  };
  const own = {};
  return new Proxy(own as Remote<Functions> & Disposable, {
    get(_, name) {
      if (name === Symbol.dispose) return release;
      // Whoever awaits or prints the object itself shall get it.
      if (typeof name === 'symbol' || LOCAL.has(name)) return Reflect.get(own, name);
      return (...values: unknown[]) => call(name, values);
    },
  });
}

function requirePort(caller: string, port: unknown): void {
  if (port instanceof MessagePort) return;
  throw new InvalidArgument(
    `${caller} takes a MessagePort, such as one of a MessageChannel, not ${shown(port)}.`,
  );
}

/**
 * A function of which nothing can be reached but the call itself. Comlink follows any path of properties that the other side names: by a prototype, and even
 * by the text that is a function's name, that would lead to the constructor of functions.
 */
function bare(callee: (...values: unknown[]) => unknown): object {
  const call = async (...values: unknown[]): Promise<Answer> => {
    try {
      return { value: await callee(...values) };
    } catch (error) {
      return { error: problemOf(error) };
    }
  };
  // This is how comlink calls.
  const apply = (_: unknown, values: unknown[]): Promise<Answer> => call(...values);
  return strip(Object.assign(strip(call), { apply: Object.freeze(strip(apply)) }));
}

function strip<Callee extends object>(callee: Callee): Callee {
  for (const name of ['name', 'length']) Reflect.deleteProperty(callee, name);
  return Object.setPrototypeOf(callee, null) as Callee;
}

function problemOf(error: unknown): Problem {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { code, message, name, stack } = error as NodeJS.ErrnoException;
  return {
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(stack === undefined ? {} : { stack }),
  };
}

/** @throws the error that is the answer */
function resultOf(answer: Answer): unknown {
  if ('value' in answer) return answer.value;
  const { message, ...others } = answer.error;
  throw Object.assign(new Error(message), others);
}

/** What comlink says of its own accord. */
function undelivered({ code, message, name: kind }: NodeJS.ErrnoException, name: string): InvalidArgument {
  if (kind === 'DataCloneError' || code === 'ERR_MISSING_TRANSFERABLE_IN_TRANSFER_LIST')
    return new InvalidArgument(`An argument of ${quote(name)} cannot be sent: ${message}`);
  if (message === UNSENDABLE)
    return new InvalidArgument(`The result of ${quote(name)} cannot be sent to another thread.`);
  return new InvalidArgument(`The other thread provides no function ${quote(name)}.`);
}

/**
 * Whether comlink can take a message: of one that is malformed, or names a handler that there is none of, it throws where nobody catches it; and to one that asks
 * for a port of its own it gives one.
 */
function isFit(message: unknown): boolean {
  if (!isObject(message)) return false;
  const { argumentList = [], path = [], type } = message;
  const isPlain = (value: unknown): boolean => isObject(value) && value.type === 'RAW';
  return (
    type !== 'ENDPOINT' && Array.isArray(path) && Array.isArray(argumentList) && argumentList.every(isPlain)
  );
}

/** Not in the types of Node 20. */
type RefCounted = MessagePort & { hasRef(): boolean };

/** A port of Node.js in the shape that comlink knows from browsers. @param accepts what is not dropped (default: all is accepted) */
function endpointOf(port: MessagePort, accepts: (message: unknown) => boolean = () => true): Endpoint {
  type Listener = (event: { readonly data: unknown }) => void;
  const heard = new Map<unknown, (data: unknown) => void>();
  return {
    postMessage: (message: unknown, transfer?: never[]) => port.postMessage(message, transfer ?? []),
    addEventListener(_: string, listener: unknown) {
      const hear = (data: unknown): void => {
        if (!accepts(data)) return;
        if (typeof listener === 'function') (listener as Listener)({ data });
        else (listener as { handleEvent: Listener }).handleEvent({ data });
      };
      heard.set(listener, hear);
      const keptAlive = (port as RefCounted).hasRef();
      port.on('message', hear);
      if (!keptAlive) port.unref();
    },
    removeEventListener(_: string, listener: unknown) {
      const hear = heard.get(listener);
      if (hear !== undefined) port.off('message', hear);
      heard.delete(listener);
    },
  } as Endpoint;
}
