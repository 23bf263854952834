/** What a run that finds all fresh never needs: it is loaded when it is called for. */
export { collect } from './collect.js';
export { decodeEntry } from './decode-entry.js';
export { gitCommit } from './git-commit.js';
export { type Recording, record } from './record.js';
export { restoreTo } from './restore-to.js';
export { inSlices } from './steps.js';
export { listed, pinPath, storedPath } from './stored-files.js';
export { verify } from './verify.js';
