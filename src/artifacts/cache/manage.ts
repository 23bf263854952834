/** What a run that finds all fresh never needs: it is loaded when it is called for. */
export { BlobStore } from './blobs.js';
export { collect } from './collect.js';
export { decodeEntry } from './decode-entry.js';
export { restoreEntry } from './restore.js';
export { inSlices } from './steps.js';
export { listed, storedPath } from './stored-files.js';
export { verify } from './verify.js';
