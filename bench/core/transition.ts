import type { Row } from 'millrace';
import { type BenchSuite, medianMs } from '../suite.js';
import { openCore, resetAll } from './graphs.js';

const COUNT = 200_000;

export const suite: BenchSuite = {
  name: 'transition',
  async run() {
    const core = await openCore();
    const { tasks } = core;
    tasks.define(Array.from({ length: COUNT }, (_, index) => ({ id: `task-${index}` })));
    const startAndComplete = (): void => {
      for (let row = 0; row < COUNT; row++) {
        tasks.start(row as Row);
        tasks.complete(row as Row);
      }
    };
    const ms = await medianMs(startAndComplete, { rounds: 15, before: () => resetAll(core, COUNT) });
    return [
      {
        what: 'start + complete of a task without dependents, by row (both)',
        value: (ms * 1e6) / COUNT,
        unit: 'ns',
        target: { atMost: 150 },
      },
    ];
  },
};
