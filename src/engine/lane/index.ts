export type { LaneCommand, LaneOutcome, LaneResult } from './command.js';
export { LanePool, type LanePoolOptions } from './pool.js';
export { affordableLanes } from './spawn.js';
