import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { z } from 'zod';
import { isSystemError } from '../errors.js';
import { sha256Hasher } from '../sha256.js';
import { shown } from '../values.js';
import { DocumentDamaged } from './damaged.js';
import { type End, type Entry, endSchema, headSchema, type Item, SECTIONS } from './document.js';
import { JSON_SYNTAX } from './json.js';
import { type Decoder, formatOf, type Part, type Syntax } from './syntax.js';
import { TOML_SYNTAX } from './toml.js';

/** A file, by its path, or what is in one. */
export type DocumentSource = string | AsyncIterable<Uint8Array>;

/** More than any entry has that is written. */
const MAX_CHARACTERS = 2 ** 26;
const CHUNK_BYTES = 2 ** 18;
const CUT_OFF = 'it is cut off, or no export';
const CHANGED = 'so it was changed or damaged after it was written';

/**
 * The head and the entries of a document, in either syntax, piece by piece whatever its size. What has come may be trusted only once the last
 * one has: only then the checksum was compared.
 * @throws DocumentDamaged, and what `node:fs` throws
 */
export async function* readDocument(source: DocumentSource): AsyncGenerator<Item, void> {
  const reader = new Reader(typeof source === 'string' ? source : '');
  let number = 0;
  let isAtEnd = false;
  try {
    for await (const { isWhole, line } of linesOf(source)) {
      number++;
      isAtEnd = !isWhole;
      const item = reader.line(line);
      if (item !== undefined) yield item;
    }
    isAtEnd = true;
    reader.lastLine();
  } catch (error) {
    // What whoever takes the items throws does not come this way.
    if (isSystemError(error)) throw error;
    const why = isAtEnd ? reader.whyEnded(error, number) : firstLine(error);
    throw new DocumentDamaged(`line ${Math.max(1, number)}: ${why}`, { cause: error });
  }
  reader.requireWhole();
}

/** What is wrong with a document, if anything is; whether a state can be made of it, an import says. O(bytes). */
export async function whyUnreadable(source: DocumentSource): Promise<Error | undefined> {
  try {
    for await (const _ of readDocument(source));
    return undefined;
  } catch (error) {
    if (error instanceof DocumentDamaged || isSystemError(error)) return error;
    throw error;
  }
}

class Reader {
  readonly #hash = sha256Hasher();
  #decoder: Decoder | undefined;
  #checksum: string | undefined;
  #end: End | undefined;
  #characters = 0;
  #entries = 0;
  #hasHead = false;
  readonly #file: string;

  /** @param file its name, if it has one: for a document whose beginning does not tell its syntax */
  constructor(file: string) {
    this.#file = file;
  }

  /** What is wrong with the last line: most likely, that it is the last. */
  whyEnded(error: unknown, number: number): string {
    if (this.#end !== undefined) return firstLine(error);
    if (this.#hasHead) return 'it ends here, so it is cut off';
    // One line may be anything; what was understood says what is wrong.
    return number < 2 || error instanceof DocumentDamaged ? firstLine(error) : CUT_OFF;
  }

  line(line: string): Item | undefined {
    this.#decoder ??= syntaxOf(line, this.#file).decoder();
    if (this.#checksum === undefined && this.#decoder.isEnd(line)) this.#checksum = this.#hash.digest('hex');
    if (this.#checksum === undefined) this.#hash.update(`${line}\n`);
    this.#characters += line.length;
    if (this.#characters > MAX_CHARACTERS) throw new DocumentDamaged('an entry is too long');
    const part = this.#decoder.line(line);
    return part && this.#take(part);
  }

  lastLine(): void {
    const part = this.#decoder?.finish();
    if (part !== undefined) this.#take(part);
  }

  requireWhole(): void {
    if (this.#end === undefined) throw new DocumentDamaged(CUT_OFF);
    const { checksum, entries } = this.#end;
    if (checksum !== this.#checksum) throw new DocumentDamaged(`its checksum does not fit, ${CHANGED}`);
    if (entries !== this.#entries)
      throw new DocumentDamaged(
        `the number of its entries is ${this.#entries}, and its end says ${entries}, ${CHANGED}`,
      );
  }

  #take(part: Part): Item | undefined {
    this.#characters = 0;
    if (this.#end !== undefined) throw new DocumentDamaged('it goes on after its end');
    if (part.kind === 'head') return this.#head(part.value);
    if (!this.#hasHead) throw new DocumentDamaged('it does not begin as an export does');
    if (part.kind === 'end') {
      this.#end = check(endSchema, part.value, 'end');
      return undefined;
    }
    this.#entries++;
    const { section, value } = part;
    return { section, value: check(SECTIONS[section] as z.ZodType, value, section) } as Entry;
  }

  #head(value: unknown): Item {
    this.#hasHead = true;
    return { section: 'head', value: check(headSchema, value, 'head') };
  }
}

/** A file of any name may hold either; what begins like neither is judged by its name, as an export would write it. */
function syntaxOf(line: string, file: string): Syntax {
  if (line.startsWith('{')) return JSON_SYNTAX;
  return line.startsWith('format') || formatOf(file) === 'toml' ? TOML_SYNTAX : JSON_SYNTAX;
}

/** @returns `value` itself: a copy of zod's lacks the key `__proto__`, which a variable may have @throws DocumentDamaged */
function check<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return value as z.infer<Schema>;
  const [issue] = result.error.issues;
  const place = [where, ...issue!.path.map(String)].join('.');
  throw new DocumentDamaged(`${place}: ${issue!.message}`);
}

interface Line {
  readonly line: string;
  /** False for the last one if nothing ends it. */
  readonly isWhole: boolean;
}

/** Lines end with LF, or as other systems write them, CR LF; a mark of UTF-8 may come before the first. */
async function* linesOf(source: DocumentSource): AsyncGenerator<Line, void> {
  const chunks = typeof source === 'string' ? chunksOf(source) : source;
  const decoder = new StringDecoder('utf8');
  /** The parts of a line that has not ended yet. */
  let rest: string[] = [];
  let characters = 0;
  let isFirst = true;
  for await (const chunk of chunks as AsyncIterable<unknown>) {
    const text = decoder.write(bytesOf(chunk));
    const [first, ...others] = (isFirst ? text.replace(/^\ufeff/, '') : text).split('\n');
    isFirst &&= text === '';
    rest.push(first!);
    characters += text.length;
    for (const next of others) {
      yield { line: withoutReturn(rest.join('')), isWhole: true };
      rest = [next];
      characters = next.length;
    }
    if (characters > MAX_CHARACTERS) throw new DocumentDamaged('a line is too long');
  }
  const last = rest.join('') + decoder.end();
  if (last !== '') yield { line: withoutReturn(last), isWhole: false };
}

/** Closed when this ends, and not some time after. */
async function* chunksOf(path: string): AsyncGenerator<Buffer, void> {
  await using file = await open(path);
  yield* file.createReadStream({ autoClose: false, highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>;
}

/** A stream of a program's own may give anything. @throws DocumentDamaged */
function bytesOf(chunk: unknown): Buffer | string {
  // Text is what a stream with an encoding gives.
  if (typeof chunk === 'string') return chunk;
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new DocumentDamaged(`the stream gives ${shown(chunk)} where it must give bytes (Uint8Array)`);
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0]!.replace(/\.$/, '');
}
