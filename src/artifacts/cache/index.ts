export { ActionCache, type Candidate, type Execution, type Restored } from './action-cache.js';
