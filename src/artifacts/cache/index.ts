export { ActionCache, type Candidate, type Execution, type Restored } from './action-cache.js';
export { type CollectReport, collect } from './collect.js';
export { inSlices } from './steps.js';
