import { sha256Hex } from '../sha256.js';
import { hexDigest } from './cache/action-key.js';
import { Content, type ContentId } from './contents.js';
import type { FileRow } from './files.js';
import { entriesOf, type TaskRecord } from './records.js';
import type { ArtifactTables } from './tables.js';

/** What an execution saw: its command, the variables that it declares, and its inputs. */
export interface Fingerprint {
  readonly command: ContentId;
  readonly environment: ContentId;
  readonly inputs: ReadonlyMap<FileRow, ContentId>;
}

/**
 * Words of a difference between two fingerprints: what it is, the keys of the command and of the environment, then pairs
 * (file row, content id) of inputs; what is no input any more has the content `GONE`.
 */
const Head = { Kind: 0, Command: 1, Environment: 2, Pairs: 3 } as const;
/** `Nothing`: there is no fingerprint. `Whole`: one that needs no other. `Change`: one that is like the other but for this. */
const Kind = { Nothing: 0, Whole: 1, Change: 2 } as const;
const GONE = -1 as ContentId;
const NO_INPUTS: Fingerprint['inputs'] = new Map();

export function fingerprintOf(record: TaskRecord): Fingerprint {
  return {
    command: record.commandKey,
    environment: record.environmentKey,
    inputs: new Map([...entriesOf(record.declared), ...entriesOf(record.discovered)]),
  };
}

/**
 * Stands for a fingerprint wherever it is seen: 16 hexadecimal digits. By digests and paths, as the numbers of a state are its own.
 * O(n log n) inputs.
 */
export function fingerprintKey({ contents, files }: ArtifactTables, fingerprint: Fingerprint): string {
  const nameOf = (content: ContentId): string => hexDigest(contents, content) || String(content);
  const inputs = Array.from(
    fingerprint.inputs,
    ([file, content]) => `${files.pathOf(file)}\0${nameOf(content)}`,
  );
  const lines = [nameOf(fingerprint.command), nameOf(fingerprint.environment), ...inputs.sort()];
  return sha256Hex(lines.join('\n')).slice(0, 16);
}

/** What leads from one fingerprint to another. Most often 12 bytes, and 8 for each input that is another. */
export function encodeDifference(from: Fingerprint | undefined, to: Fingerprint | undefined): Uint8Array {
  if (to === undefined) return bytesOf([Kind.Nothing]);
  const known = from?.inputs ?? NO_INPUTS;
  const words: number[] = [from === undefined ? Kind.Whole : Kind.Change, to.command, to.environment];
  for (const [file, content] of to.inputs) if (known.get(file) !== content) words.push(file, content);
  for (const file of known.keys()) if (!to.inputs.has(file)) words.push(file, GONE);
  return bytesOf(words);
}

/** Undefined if there is no fingerprint, or the one that the difference starts from is not known. */
export function applyDifference(
  from: Fingerprint | undefined,
  difference: Uint8Array,
): Fingerprint | undefined {
  const { command, environment, gone, inputs: changed, kind } = decodeDifference(difference);
  if (kind === 'nothing' || (kind === 'change' && from === undefined)) return undefined;
  const inputs = new Map(kind === 'change' ? from!.inputs : NO_INPUTS);
  for (const file of gone) inputs.delete(file);
  for (const [file, content] of changed) inputs.set(file, content);
  return { command, environment, inputs };
}

/** What a difference says, for other machines: its numbers are those of one state. */
export interface PrintDifference {
  /** See `Kind`. */
  readonly kind: DifferenceKind;
  readonly command: ContentId;
  readonly environment: ContentId;
  readonly inputs: readonly (readonly [FileRow, ContentId])[];
  readonly gone: readonly FileRow[];
}

type DifferenceKind = 'nothing' | 'whole' | 'change';

const KINDS: readonly DifferenceKind[] = ['nothing', 'whole', 'change'];

export function decodeDifference(difference: Uint8Array): PrintDifference {
  const words = new Int32Array(Uint8Array.from(difference).buffer);
  const inputs = [...entriesOf(words.subarray(Head.Pairs))];
  return {
    kind: KINDS[words[Head.Kind]!]!,
    command: (words[Head.Command] ?? Content.Unknown) as ContentId,
    environment: (words[Head.Environment] ?? Content.Unknown) as ContentId,
    inputs: inputs.filter(([, content]) => content !== GONE),
    gone: inputs.filter(([, content]) => content === GONE).map(([file]) => file),
  };
}

/** The inverse. */
export function differenceOf({ command, environment, gone, inputs, kind }: PrintDifference): Uint8Array {
  if (kind === 'nothing') return bytesOf([Kind.Nothing]);
  const pairs = [...inputs, ...gone.map((file) => [file, GONE] as const)];
  return bytesOf([KINDS.indexOf(kind), command, environment, ...pairs.flat()]);
}

function bytesOf(words: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(words).buffer);
}
