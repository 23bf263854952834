import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { type Change, readRecord } from './disk.js';
import { begin, commandOf, makeTemplate, type Scenario } from './scenarios.js';
import { Shim } from './shim.js';

/** What a command gave names to, and what of that a power cut could have taken back after it was said to be done. */
export interface Order {
  readonly scenario: string;
  /** What was renamed and is to be durable, relative to the project; of backups and exports the folder. */
  readonly names: readonly string[];
  /** One sentence each. */
  readonly findings: readonly string[];
}

/**
 * Not meant to be durable by itself: what is kept of outputs (`--durability fsync` is for that), the lock, what was moved aside and is there already, and
 * the log.
 */
const FLEETING = /^\.millrace\/(content\/|lock|log\/|.*\.corrupt-|store\.replaced)/;

/** LMDB's table of readers: the first to open it after a power cut makes it anew, whatever it holds. */
const TABLE = 'lock.mdb';

type Rename = Extract<Change, { call: 'rename' | 'link' }>;

/** Records all changes in scenarios, and looks at each file and folder that gets its name by a rename: see `whyNotDurable`. */
export async function runOrder(scenarios: readonly Scenario[]): Promise<Order[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-order-'));
  const template = join(folder, 'template');
  const work = join(folder, 'work');
  const record = join(folder, 'record');
  try {
    makeTemplate(template);
    const shim = Shim.build(folder);
    const orders: Order[] = [];
    for (const scenario of scenarios) {
      await begin(scenario, template, work);
      rmSync(record, { force: true });
      const { exitCode, stderr } = await shim.run(commandOf(scenario.args), work, undefined, record);
      if (exitCode !== 0) throw new Error(`Scenario "${scenario.name}" ends with ${exitCode}: ${stderr}`);
      orders.push(orderOf(scenario, readRecord(record), work));
    }
    return orders;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function orderOf({ args, name }: Scenario, changes: readonly Change[], work: string): Order {
  const said = changes.findIndex(({ call }) => call === 'say');
  const names = new Set<string>();
  const findings: string[] = [];
  for (const [index, change] of changes.entries()) {
    if (change.call !== 'rename') continue;
    const to = relative(work, change.to);
    if (FLEETING.test(to)) continue;
    names.add(/(backups|exports)$/.test(dirname(to)) ? dirname(to) : to);
    for (const why of whyNotDurable(changes, index, change)) findings.push(`${to}: ${why}`);
    // A run tells how it gets on; what other commands say is that they have succeeded.
    if (args[0] !== 'run' && said >= 0 && said < index) findings.push(`${to}: it was said to be done before`);
  }
  return { scenario: name, names: [...names].sort(), findings };
}

/** Its data must be synced after they were written and before it is renamed, and its folder after that, before anything else is said. */
function whyNotDurable(changes: readonly Change[], index: number, { path, to }: Rename): string[] {
  const before = changes.slice(0, index);
  const written = new Set(before.flatMap((change) => (isWriteBelow(change, path) ? [change.path] : [])));
  const unsynced = [...written].filter((file) => basename(file) !== TABLE && !isSynced(before, file));
  const after = changes.slice(index + 1);
  const synced = after.findIndex((change) => change.call === 'sync' && change.path === dirname(to));
  const said = after.findIndex(({ call }) => call === 'say');
  return [
    ...(written.size === 0 ? ['nothing was written to it'] : []),
    ...unsynced.map((file) => `${relative(dirname(path), file)} was renamed before it was synced`),
    ...(synced < 0 ? ['its folder was not synced'] : []),
    ...(said >= 0 && said < synced ? ['something was said before its folder was synced'] : []),
  ];
}

const isWriteBelow = (change: Change, path: string): boolean =>
  change.call === 'write' && (change.path === path || change.path.startsWith(`${path}/`));

/** Since the last write that is not on the disk when it returns. */
function isSynced(changes: readonly Change[], file: string): boolean {
  const isOf = (change: Change, call: Change['call']): boolean =>
    change.call === call && change.path === file;
  const write = changes.findLastIndex((one) => isOf(one, 'write') && !(one.call === 'write' && one.durable));
  return changes.findLastIndex((one) => isOf(one, 'sync')) >= write;
}
