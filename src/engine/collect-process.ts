/** The process that goes on with a collection when the run has ended: `node collect-process.js DIRECTORY`. */
import { constants, setPriority } from 'node:os';
import { openState } from '../state.js';

setPriority(constants.priority.PRIORITY_LOW);
await using state = await openState({ directory: process.argv[2]!, readOnly: true });
await state.artifacts.collect();
