/**
 * To be loaded before a program (`node --import`): kills its process, by SIGKILL, before the Nth of the calls by which it changes files, N being in
 * the environment. So what is kept by a few calls in a row is interrupted between any two of them, as no timer could.
 */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { CALL_VARIABLE } from './launch.js';

type Call = (...args: unknown[]) => unknown;

let left = Number(process.env[CALL_VARIABLE]);
// What is started from here counts nothing.
delete process.env[CALL_VARIABLE];

const count = (module: object, names: readonly string[]): void => {
  const calls = module as Record<string, Call>;
  for (const name of names) {
    const call = calls[name]!;
    calls[name] = (...args) => {
      if (--left === 0) process.kill(process.pid, 'SIGKILL');
      return call(...args);
    };
  }
};

count(fs, ['linkSync', 'mkdirSync', 'openSync', 'renameSync', 'rmSync', 'writeFileSync', 'ftruncateSync']);
count(promises, ['open', 'rename', 'rm', 'mkdir', 'writeFile']);
syncBuiltinESMExports();
