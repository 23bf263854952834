/**
 * The process that writes a store for another one: `writer-process.js DIRECTORY`, with batches, and an answer to each, on descriptor 3
 * (see writer.ts). It ends when nobody can send it anything any more.
 */
import { writeSync } from 'node:fs';
import { BatchReader } from './batch.js';
import type { Writer } from './database.js';
import { examineFile } from './file-check.js';
import { LmdbDatabase } from './lmdb.js';
import { unpack } from './msgpack.js';
import { statePaths } from './paths.js';
import { CONTROL, lastCommit, type StoredControl } from './store.js';
import type { Answer } from './writer.js';

const DESCRIPTOR = 3;

const paths = statePaths(process.argv[2]!);
const batches = new BatchReader(DESCRIPTOR);

function open(): LmdbDatabase {
  const damage = examineFile(paths, 'write');
  if (damage !== undefined) throw new Error(damage);
  return LmdbDatabase.open(paths, false);
}

/** Every commit writes its number, which must be the one after the last. Or the last: the process before this one could not say that it was durable. */
async function writeBatch(database: LmdbDatabase): Promise<void> {
  const last = lastCommit(database);
  await database.transact((writer) => {
    let number = 0;
    const noting: Writer = {
      put: (key, value) => {
        if (key[0] === CONTROL[0]) number = (unpack(value) as StoredControl<unknown>).sequence;
        writer.put(key, value);
      },
      remove: (key) => writer.remove(key),
    };
    batches.read(noting);
    if (number !== last && number !== last + 1)
      throw new Error(`commit ${number} cannot follow commit ${last}`);
  });
}

async function answerOne(): Promise<Answer> {
  try {
    database ??= open();
    await writeBatch(database);
    return {};
  } catch (error) {
    return { failure: (error as Error).message };
  }
}

let database: LmdbDatabase | undefined;
let answer: Answer = {};
// After a failure LMDB is not to be trusted, nor what comes next a batch.
while (answer.failure === undefined && batches.begins()) {
  answer = await answerOne();
  writeSync(DESCRIPTOR, `${JSON.stringify(answer)}\n`);
}
if (answer.failure !== undefined) process.exit();
await database?.close();
