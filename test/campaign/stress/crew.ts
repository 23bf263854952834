import { parentPort, workerData } from 'node:worker_threads';
import { attachState } from 'millrace';
import type { AttachedState } from '../../../src/state.js';
import { randomFrom } from '../../engine/lane-support.js';
import { drain } from './drain.js';
import { Log, openClock } from './history.js';
import type { Answer, CrewInput, MixOrder, Order, Wrap } from './orders.js';
import { Player } from './player.js';

/** The life of a thread of the campaign: it does what it is told to by messages, one order after the other. */
export function serve(wrap: Wrap): void {
  // Every second call is refused by an error, and its stack, which nobody reads, would take most of the time.
  Error.stackTraceLimit = 0;
  const crew = new Crew(workerData as CrewInput, wrap);
  parentPort!.on('message', (order: Order) => parentPort!.postMessage(crew.obey(order)));
}

class Crew {
  private readonly input: CrewInput;
  private readonly wrap: Wrap;
  private readonly log: Log;
  private state: AttachedState;

  constructor(input: CrewInput, wrap: Wrap) {
    this.input = input;
    this.wrap = wrap;
    this.log = new Log(input.log);
    this.state = this.attach();
  }

  /** What is thrown and was not expected is a finding, too. */
  obey(order: Order): Answer {
    try {
      return this.do(order);
    } catch (error) {
      return {
        operations: 0,
        completed: 0,
        faults: [`thread ${this.input.thread}, ${order.kind}: ${error}`],
      };
    }
  }

  private do(order: Order): Answer {
    switch (order.kind) {
      case 'mix':
        return this.mix(order);
      case 'drain':
        return drain(this.state.tasks, this.input.size);
      case 'leave':
        this.leave();
        break;
      case 'join':
        this.state = this.attach();
    }
    return { operations: 0, completed: 0, faults: [] };
  }

  /** What is held is given back by `detach`. */
  private leave(): void {
    const { owners, thread } = this.input;
    for (let row = 0; row < owners.length; row++) if (owners[row] === thread) owners[row] = 0;
    this.state.detach();
  }

  private attach(): AttachedState {
    return this.wrap(attachState(this.input.handle), this.input.flaw);
  }

  private mix(order: MixOrder): Answer {
    const { clock, thread } = this.input;
    this.log.clear();
    const player = new Player({
      state: this.state,
      input: this.input,
      order,
      log: this.log,
      clock: openClock(order.clock, clock),
      random: randomFrom(Math.imul(order.seed, 1009) + thread),
    });
    this.meet();
    player.play();
    return { operations: player.operations, completed: 0, faults: player.faults };
  }

  /** So that the threads begin at one time: to start them one by one takes longer than some rounds do. */
  private meet(): void {
    const { arrived, threads } = this.input;
    if (Atomics.add(arrived, 0, 1) + 1 === threads) Atomics.notify(arrived, 0);
    for (;;) {
      const have = Atomics.load(arrived, 0);
      if (have >= threads) return;
      Atomics.wait(arrived, 0, have);
    }
  }
}
