import type { Output } from '../context.js';

type Chunk = string | Uint8Array;

/** Text that goes to the two outputs in order, as soon as it is flushed. */
export class Printer {
  /** Lines printed so far. */
  lines = 0;
  private readonly stdout: Output;
  private readonly stderr: Output;
  private waiting: (readonly [Output, Chunk])[] = [];

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
    const chunks = this.waiting;
    this.waiting = [];
    for (const [output, chunk] of chunks) output.write(chunk);
  }

  private add(output: Output, chunk: Chunk): void {
    this.lines += countLines(chunk);
    this.waiting.push([output, chunk]);
  }
}

function countLines(chunk: Chunk): number {
  const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
