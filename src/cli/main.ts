#!/usr/bin/env node
import type { Context } from './context.js';
import { main } from './program.js';

const context: Context = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: Date.now,
  lastSeq: 0,
};

// No top-level await: the bundle is CommonJS, which has none.
main(process.argv.slice(2), context).then((exitCode) => {
  process.exitCode = exitCode;
});
