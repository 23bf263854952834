/**
 * The process that writes a store for another one: `writer-process.js DIRECTORY FILE`, FILE being `identifyFile` of the store's file, with batches, and an
 * answer to each, on descriptor 3 (see writer.ts). It ends when nobody can send it anything any more.
 */
import { writeSync } from 'node:fs';
import { BatchReader } from './batch.js';
import type { Writer } from './database.js';
import { examineFile } from './file-check.js';
import { LmdbDatabase } from './lmdb.js';
import { unpack } from './msgpack.js';
import { identifyFile, statePaths } from './paths.js';
import { CONTROL, lastCommit, type StoredControl } from './store.js';
import type { Answer } from './writer.js';

const DESCRIPTOR = 3;

const paths = statePaths(process.argv[2]!);
const batches = new BatchReader(DESCRIPTOR);

/** Whoever started us says when it ends: what is sent to all processes of a service would come in the middle of a batch. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

function open(): LmdbDatabase {
  const damage = examineFile(paths, 'write');
  if (damage !== undefined) throw new Error(damage);
  requireSameFile();
  const opened = LmdbDatabase.open(paths, false);
  // LMDB makes a file where there is none.
  requireSameFile();
  return opened;
}

/** Another one is not read by whoever started us. */
function requireSameFile(): void {
  if (identifyFile(paths.data) !== process.argv[3])
    throw new Error("the store's file was deleted or replaced");
}

/** Every commit writes its number, which must be the one after the last. Or the last: the process before this one could not say that it was durable. */
async function writeBatch(database: LmdbDatabase): Promise<number> {
  const last = lastCommit(database);
  let number = 0;
  await database.transact((writer) => {
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
  return number;
}

async function answerOne(): Promise<Answer> {
  try {
    database ??= open();
    return { written: await writeBatch(database) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

let database: LmdbDatabase | undefined;

async function answerAll(): Promise<void> {
  let hasFailed = false;
  // After a failure LMDB is not to be trusted, nor what comes next a batch.
  while (!hasFailed && batches.begins()) {
    const answer = await answerOne();
    writeSync(DESCRIPTOR, `${JSON.stringify(answer)}\n`);
    hasFailed = 'failure' in answer;
  }
  if (hasFailed) process.exit();
  await database?.close();
}

void answerAll();
