import { always } from '../memory/atomic.js';

/** Indices that a thread takes at a time, where there are enough for that. */
const CHUNK = 64;
/** Where there are few, each of them may be a large file: then so many times may be taken. */
const MIN_CHUNKS = 32;

export interface WorkQueueHandle {
  readonly length: number;
  /** One int32: the index that is taken next. Every thread adds to it; nothing else depends on its order. */
  readonly next: SharedArrayBuffer;
}

/** The indices from 0 to length - 1, shared among threads: each takes the next few by one atomic addition, until there are none. */
export class WorkQueue {
  readonly length: number;
  private readonly chunk: number;
  private readonly next: Int32Array<SharedArrayBuffer>;

  private constructor({ length, next }: WorkQueueHandle) {
    this.length = length;
    this.chunk = Math.min(CHUNK, Math.ceil(length / MIN_CHUNKS));
    this.next = new Int32Array(next);
  }

  static create(length: number): WorkQueue {
    return new WorkQueue({ length, next: new SharedArrayBuffer(4) });
  }

  static from(handle: WorkQueueHandle): WorkQueue {
    return new WorkQueue(handle);
  }

  handle(): WorkQueueHandle {
    return { length: this.length, next: this.next.buffer };
  }

  /** The first index of a chunk that is now the caller's, or -1. */
  take(): number {
    const index = always.add(this.next, 0, this.chunk);
    return index < this.length ? index : -1;
  }

  /** Behind the last index of the chunk that begins with `index`. */
  end(index: number): number {
    return Math.min(index + this.chunk, this.length);
  }

  /** Leaves nothing to take. */
  stop(): void {
    always.store(this.next, 0, this.length);
  }
}
