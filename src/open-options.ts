import { InvalidArgument, type StateLocked } from './errors.js';
import { ISOLATIONS, type Isolation } from './store/isolation.js';
import {
  boolean,
  type Check,
  callable,
  checkOptions,
  filled,
  internal,
  milliseconds,
  oneOf,
  shown,
  wrong,
} from './values.js';

/** Where a state lives and how it is opened. */
export type OpenOptions =
  | {
      /** The folder of the state. */
      readonly directory: string;
      /** Only read: any number of processes may, also while another one writes. They see what was committed last. */
      readonly readOnly?: boolean;
      /**
       * What to do about a damaged store: `recover` (default) moves it aside and puts the newest backup that is whole in its place, the newest
       * export if there is none, or else an empty store, and `recovery` says so; `throw` leaves all as it is.
       */
      readonly onCorrupt?: 'recover' | 'throw';
      /** Milliseconds to wait for another process that writes the state to end (default 0: not at all). */
      readonly wait?: number;
      /**
       * Which process writes the store: `none` (default), this one; `process`, one that does nothing else, so that what ends it in native code, as a
       * disk that fails in the middle of a write may, costs a commit some time and this process nothing. See docs/RELIABILITY.md for what it costs.
       */
      readonly isolation?: Isolation;
      /** Called once, with who holds the state, before it is waited for. */
      readonly onWait?: (holder: StateLocked) => void;
      /** @internal called with the sizes in bytes of what is about to be loaded, by name; not if read-only */
      readonly beforeLoad?: (sizes: Readonly<Record<string, number>>) => void;
      /** @internal see `LoadOptions` */
      readonly lazy?: boolean;
    }
  | {
      /** All of the API, nothing on disk. */
      readonly memory: true;
    };

type DirectoryOptions = Extract<OpenOptions, { directory: string }>;

const MEMORY_OPTIONS = {
  memory: (value: unknown) => (value === true ? undefined : wrong('must be true, or left out', value)),
};

const DIRECTORY_OPTIONS = {
  directory: filled,
  readOnly: boolean,
  onCorrupt: (value) =>
    value === 'recover' || value === 'throw' ? undefined : wrong('must be "recover" or "throw"', value),
  wait: milliseconds,
  isolation: oneOf(ISOLATIONS),
  onWait: callable,
  beforeLoad: internal(callable),
  lazy: internal(boolean),
} satisfies Record<keyof DirectoryOptions, Check>;

/** What was meant to be options would be without effect, and that is found out late. */
export function surplusOf(where: unknown): InvalidArgument {
  const directory = shown(typeof where === 'string' ? where : '.millrace');
  return new InvalidArgument(
    `openState takes one argument: a directory, options such as { directory: ${directory}, readOnly: true }, or { memory: true }.`,
  );
}

/** @throws InvalidArgument */
export function isInMemory(options: OpenOptions): options is { readonly memory: true } {
  const isMemory = typeof options === 'object' && options !== null && 'memory' in options;
  if (isMemory) checkOptions('openState', options, MEMORY_OPTIONS);
  else checkOptions('openState', options, DIRECTORY_OPTIONS, ['directory']);
  return isMemory;
}
