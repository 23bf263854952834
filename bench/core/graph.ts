import { DependencyGraph } from '../../src/graph/dependency-graph.js';
import { TaskTable } from '../../src/memory/table.js';
import { derive } from '../../src/tasks/derive.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { type BenchSuite, medianMs } from '../suite.js';
import { definitions, MILLION } from './graphs.js';

export const suite: BenchSuite = {
  name: 'graph',
  async run() {
    const table = TaskTable.create();
    const [tasks, graph] = [new TaskManager(table), new DependencyGraph(table)];
    tasks.define(definitions(MILLION));
    const measure = async (what: string, run: () => void, atMost?: number) => ({
      what,
      value: await medianMs(run, { rounds: 5 }),
      unit: 'ms',
      ...(atMost === undefined ? {} : { target: { atMost } }),
    });
    return [
      await measure('order() of 1 M tasks and 3 M edges', () => graph.order(), 700),
      await measure('order as rows, without the ids', () => graph.orderRows()),
      await measure('levels()', () => graph.levels()),
      await measure('criticalPath()', () => graph.criticalPath()),
      await measure('counters, pending counts and ready set derived after loading', () => derive(table), 250),
      await measure('prioritize(): all ranked anew', () => tasks.prioritize()),
    ];
  },
};
