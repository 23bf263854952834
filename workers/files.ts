import type { ExtractJobHandle } from '../src/artifacts/cache/extract-job.js';
import type { MoveJobHandle } from '../src/artifacts/cache/move-job.js';
import type { StoreJobHandle } from '../src/artifacts/cache/store-job.js';
import { ScanJob, type ScanJobHandle } from '../src/artifacts/scan-job.js';
import { DONE } from '../src/thread.js';

// What the threads that help with files can do (see `FileWork`): their share of a job.

export function scan(job: ScanJobHandle): typeof DONE {
  ScanJob.work(job);
  return DONE;
}

// The jobs of the content store are loaded when there is one: a scan shall begin as soon as can be.

export async function store(job: StoreJobHandle): Promise<typeof DONE> {
  const { StoreJob } = await import('../src/artifacts/cache/store-job.js');
  StoreJob.work(job);
  return DONE;
}

export async function extract(job: ExtractJobHandle): Promise<typeof DONE> {
  const { ExtractJob } = await import('../src/artifacts/cache/extract-job.js');
  ExtractJob.work(job);
  return DONE;
}

export async function move(job: MoveJobHandle): Promise<typeof DONE> {
  const { MoveJob } = await import('../src/artifacts/cache/move-job.js');
  MoveJob.work(job);
  return DONE;
}
