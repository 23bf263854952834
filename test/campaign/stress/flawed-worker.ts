import type { AttachedState } from '../../../src/state.js';
import { type Row, TaskStatus } from '../../../src/task.js';
import type { TaskManager } from '../../../src/tasks/task-manager.js';
import { FIRST_OWN } from './cast.js';
import { serve } from './crew.js';

/**
 * Mistakes that the campaign must find, each made by a thread that otherwise calls the code as it is. Most are made with open and waiting tasks
 * alone, so that only the check for linearisability can find them.
 */
const FLAWS: Readonly<Record<string, (tasks: TaskManager) => Partial<TaskManager>>> = {
  'a refusal is told as success': (tasks) => ({
    start(task) {
      try {
        tasks.start(task);
      } catch (error) {
        if (!isOpen(task)) throw error;
      }
    },
  }),
  'a status is read late': (tasks) => {
    const seen = new Map<unknown, TaskStatus>();
    return {
      status(task) {
        const now = tasks.status(task);
        const before = isOpen(task) ? seen.get(task) : undefined;
        seen.set(task, now);
        return before ?? now;
      },
    };
  },
  'a change does not happen': (tasks) => ({
    reset(task) {
      if (!isOpen(task) || tasks.status(task) !== TaskStatus.Failed) tasks.reset(task);
    },
  }),
  'a task is claimed twice': (tasks) => {
    let calls = 0;
    let last: Row | undefined;
    const claim = (count?: number): Row | undefined | Row[] => {
      if (count !== undefined) return tasks.claim(count);
      if (calls++ % 50 !== 0 || last === undefined) last = tasks.claim();
      return last;
    };
    return { claim: claim as TaskManager['claim'] };
  },
};

const isOpen = (task: unknown): boolean => Number(task) < FIRST_OWN;

serve((state, flaw): AttachedState => {
  const tasks = Object.assign(Object.create(state.tasks) as TaskManager, FLAWS[flaw!]!(state.tasks));
  return { ...state, tasks };
});
