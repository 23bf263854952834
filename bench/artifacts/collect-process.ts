/** `node collect-process.js DIRECTORY`: collects a state's content store and prints what that took, as JSON. */
import { openState } from 'millrace';

const state = await openState({ directory: process.argv[2]!, readOnly: true });
const start = performance.now();
const report = await state.artifacts.collect({ maxBytes: Number.POSITIVE_INFINITY });
const milliseconds = performance.now() - start;
await state.close();
const megabytes = process.resourceUsage().maxRSS / 1024;
process.stdout.write(JSON.stringify({ milliseconds, megabytes, report }));
