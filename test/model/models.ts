import type { Code } from './code.js';
import { Explorer } from './explore.js';
import type { Bounds, Exploration, Model } from './model.js';
import * as locks from './protocols/locks.js';
import * as memory from './protocols/memory.js';
import * as parking from './protocols/parking.js';
import * as serving from './protocols/serving.js';
import * as tasks from './protocols/tasks.js';
import * as threads from './protocols/threads.js';

/** All protocols of shared memory, by name. */
export const MODELS = {
  starts: tasks.starts,
  startsInOrder: tasks.startsInOrder,
  startsNever: tasks.startsNever,
  claims2: (code) => tasks.claims(code, 2, 2),
  claims3: (code) => tasks.claims(code, 3, 1),
  claims3Twice: (code) => tasks.claims(code, 3, 2),
  failed: (code) => tasks.changedTo(code, 'failed'),
  released: (code) => tasks.changedTo(code, 'released'),
  reset: (code) => tasks.changedTo(code, 'reset'),
  changes: tasks.changes,
  versions: tasks.versions,
  takenBack: tasks.takenBack,
  takenBackTwice: tasks.takenBackTwice,
  releasedEarly: parking.releasedEarly,
  parking2: (code) => parking.parking(code, 2),
  parking3: (code) => parking.parking(code, 3),
  handingOver: parking.handingOver,
  refilling1: (code) => tasks.refilling(code, 'b'),
  refilling2: (code) => tasks.refilling(code, 'b', 'c'),
  reordering: (code) => tasks.reordering(code, 1),
  reorderingTwice: (code) => tasks.reordering(code, 2),
  reading: memory.reading,
  committing: memory.committing,
  growing: memory.growing,
  naming: (code) => memory.naming(code, 0),
  rebuilding: (code) => memory.naming(code, 511),
  changing: memory.changing,
  refusing: memory.refusing,
  lengthening: memory.lengthening,
  telling1: (code) => memory.telling(code, 1),
  telling2: (code) => memory.telling(code, 2),
  finishing: serving.finishing,
  serving1: (code) => serving.serving(code, 1),
  serving2: (code) => serving.serving(code, 2),
  gate: (code) => threads.gate(code, 1, 1),
  gate2: (code) => threads.gate(code, 2, 1),
  gateFor2: (code) => threads.gate(code, 1, 2),
  locking2: (code) => locks.locking(code, 2, 2),
  locking3: (code) => locks.locking(code, 3, 1),
  deathWithLock: (code) => locks.locking(code, 3, 1, true),
  rwLocking1: (code) => locks.readWriteLocking(code, { writers: 1, readers: 2 }),
  rwLocking2: (code) => locks.readWriteLocking(code, { writers: 2, readers: 1 }),
  rwLeaving: (code) => locks.readWriteLocking(code, { writers: 1, readers: 1, leave: true }),
  deathWithRwLock: (code) => locks.readWriteLocking(code, { writers: 2, readers: 0, isMortal: true }),
  deathBesideReader: (code) => locks.readWriteLocking(code, { writers: 2, readers: 1, isMortal: true }),
  deathInChange: threads.deathInChange,
  death: (code) => threads.death(code, true),
  deathWhileTakingBack: threads.deathWhileTakingBack,
  deathWhileParked: threads.deathWhileParked,
  deathBesideWork: (code) => threads.death(code, false),
} satisfies Record<string, (code: Code) => Model<unknown>>;

export type ModelName = keyof typeof MODELS;

/** Whether a model needs pages that a few tasks fill. */
export const isSmall = (name: ModelName): boolean => name === 'growing';

/** Explores a model of this code. */
export function explore(name: ModelName, code: Code, bounds: Bounds): Exploration {
  const model: Model<unknown> = MODELS[name](code);
  const explorer = new Explorer(model, bounds);
  code.atomic.replaceOperations(explorer.memory.operations);
  return explorer.explore();
}
