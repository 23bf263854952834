import type { BuildEvent, EventBody } from '../events.js';

/** Numbers the events of a run. */
export class Emitter {
  readonly #listener: ((event: BuildEvent) => void) | undefined;
  #seq = 0;

  constructor(listener: ((event: BuildEvent) => void) | undefined) {
    this.#listener = listener;
  }

  /** Whether anybody listens. */
  get isHeard(): boolean {
    return this.#listener !== undefined;
  }

  /** The number of the last event. */
  get seq(): number {
    return this.#seq;
  }

  emit(body: EventBody): void {
    this.#seq++;
    this.#listener?.({ seq: this.#seq, time: Date.now(), ...body } as BuildEvent);
  }
}
