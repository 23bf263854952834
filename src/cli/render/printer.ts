import type { Output } from '../context.js';

type Chunk = string | Uint8Array;

/** Milliseconds that a line may wait for others. */
const GATHER_MS = 25;

/** Text that goes to the two outputs in order, when it is flushed: a write of its own for each line of 2,000 takes 50 ms. */
export class Printer {
  /** Lines printed so far. */
  lines = 0;
  private readonly stdout: Output;
  private readonly stderr: Output;
  private waiting: (readonly [Output, Chunk])[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(stdout: Output, stderr: Output) {
    this.stdout = stdout;
    this.stderr = stderr;
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** Adds lines for stdout; each must be whole. */
  print(chunk: Chunk): void {
    this.add(this.stdout, chunk);
  }

  /** Adds lines for stderr; each must be whole. */
  warn(chunk: Chunk): void {
    this.add(this.stderr, chunk);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const chunks = this.waiting;
    this.waiting = [];
    for (const [output, chunk] of joined(chunks)) output.write(chunk);
  }

  /** Flushes within 25 ms. Keeps no process alive: at its end, `flush`. */
  flushSoon(): void {
    this.timer ??= setTimeout(() => this.flush(), GATHER_MS).unref();
  }

  private add(output: Output, chunk: Chunk): void {
    this.lines += countLines(chunk);
    this.waiting.push([output, chunk]);
  }
}

/** Texts that follow one another on the same output, as one. */
function* joined(chunks: Iterable<readonly [Output, Chunk]>): Generator<readonly [Output, Chunk]> {
  let text = '';
  let to: Output | undefined;
  for (const [output, chunk] of chunks) {
    if (text !== '' && (output !== to || typeof chunk !== 'string')) {
      yield [to!, text];
      text = '';
    }
    to = output;
    if (typeof chunk === 'string') text += chunk;
    else yield [output, chunk];
  }
  if (text !== '') yield [to!, text];
}

function countLines(chunk: Chunk): number {
  const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
