import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Atomic from '../../src/memory/atomic.js';
import type * as FeedModule from '../../src/memory/feed.js';
import type * as Finished from '../../src/memory/finished.js';
import type * as Layout from '../../src/memory/layout.js';
import type * as Names from '../../src/memory/names.js';
import type * as Ready from '../../src/memory/ready.js';
import type * as RegionModule from '../../src/memory/region.js';
import type * as Table from '../../src/memory/table.js';
import type * as ThreadsModule from '../../src/memory/threads.js';
import type * as PagesModule from '../../src/store/pages.js';
import type * as MutexModule from '../../src/sync/mutex.js';
import type * as RwLockModule from '../../src/sync/rw-lock.js';
import type * as Dead from '../../src/tasks/dead-threads.js';
import type * as Tasks from '../../src/tasks/task-manager.js';

/** The code under test: what ships, or a mutant of it. */
export interface Code {
  readonly atomic: typeof Atomic;
  readonly Feed: typeof FeedModule.Feed;
  readonly WAITING: typeof FeedModule.WAITING;
  readonly FinishedRows: typeof Finished.FinishedRows;
  readonly NameTable: typeof Names.NameTable;
  readonly ReadySet: typeof Ready.ReadySet;
  readonly Region: typeof RegionModule.Region;
  readonly TaskTable: typeof Table.TaskTable;
  readonly TaskManager: typeof Tasks.TaskManager;
  readonly Mutex: typeof MutexModule.Mutex;
  readonly RwLock: typeof RwLockModule.RwLock;
  readonly Pages: typeof PagesModule.Pages;
  readonly Threads: typeof ThreadsModule.Threads;
  readonly CONTROL_WORDS: number;
  readonly takeUpFromDead: typeof Dead.takeUpFromDead;
}

/** @param root a compiled `src` */
export async function loadCode(root: string): Promise<Code> {
  const load = (file: string) => import(pathToFileURL(join(root, file)).href);
  const [
    atomic,
    names,
    ready,
    region,
    table,
    tasks,
    pages,
    threads,
    layout,
    dead,
    feed,
    mutex,
    finished,
    rwLock,
  ] = (await Promise.all([
    load('memory/atomic.js'),
    load('memory/names.js'),
    load('memory/ready.js'),
    load('memory/region.js'),
    load('memory/table.js'),
    load('tasks/task-manager.js'),
    load('store/pages.js'),
    load('memory/threads.js'),
    load('memory/layout.js'),
    load('tasks/dead-threads.js'),
    load('memory/feed.js'),
    load('sync/mutex.js'),
    load('memory/finished.js'),
    load('sync/rw-lock.js'),
  ])) as [
    typeof Atomic,
    typeof Names,
    typeof Ready,
    typeof RegionModule,
    typeof Table,
    typeof Tasks,
    typeof PagesModule,
    typeof ThreadsModule,
    typeof Layout,
    typeof Dead,
    typeof FeedModule,
    typeof MutexModule,
    typeof Finished,
    typeof RwLockModule,
  ];
  return {
    atomic,
    Feed: feed.Feed,
    WAITING: feed.WAITING,
    FinishedRows: finished.FinishedRows,
    NameTable: names.NameTable,
    ReadySet: ready.ReadySet,
    Region: region.Region,
    TaskTable: table.TaskTable,
    TaskManager: tasks.TaskManager,
    Mutex: mutex.Mutex,
    RwLock: rwLock.RwLock,
    Pages: pages.Pages,
    Threads: threads.Threads,
    CONTROL_WORDS: layout.CONTROL_WORDS,
    takeUpFromDead: dead.takeUpFromDead,
  };
}
