import { isUtf8 } from 'node:buffer';
import type { BuildEvent } from '../../engine/events.js';
import { type Context, writeJson } from '../context.js';
import type { Renderer } from './renderer.js';
import { display } from './text.js';

/** Events for programs: one JSON object a line on stdout. What is for people goes to stderr. */
export class JsonRenderer implements Renderer {
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  handle(event: BuildEvent): void {
    const { seq, time, type, ...body } = event;
    this.context.lastSeq = seq;
    const output = event.type === 'task-finished' ? encodeOutput(event.output) : undefined;
    writeJson(this.context, { seq, time, type, ...body, ...output });
  }

  notice(message: string): void {
    this.context.stderr.write(`millrace: ${display(message)}\n`);
  }

  warning(message: string): void {
    this.notice(`warning: ${message}`);
  }

  [Symbol.dispose](): void {}
}

/** Bytes that are no UTF-8 are given twice: as text with replacement characters, and exactly. */
function encodeOutput(output: Buffer): { output: string; outputBase64?: string } {
  const text = output.toString('utf8');
  return isUtf8(output) ? { output: text } : { output: text, outputBase64: output.toString('base64') };
}
