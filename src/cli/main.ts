#!/usr/bin/env node
import type { Context } from './context.js';
import { ExitCode } from './failure.js';
import { main } from './program.js';

const context: Context = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: Date.now,
  lastSeq: 0,
};

// lmdb prints an error that it also throws, with its stack. All else that this process says it writes by itself.
console.error = (problem: unknown): void => {
  process.stderr.write(`${problem instanceof Error ? problem.message : problem}\n`);
};

// What waits for something that never comes ends when Node.js has nothing left to do: that is no success.
process.exitCode = ExitCode.Internal;
// No top-level await: the bundle is CommonJS, which has none.
main(process.argv.slice(2), context).then((exitCode) => {
  process.exitCode = exitCode;
});
