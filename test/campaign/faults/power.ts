import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examineFile } from '../../../src/store/file-check.js';
import { LmdbDatabase } from '../../../src/store/lmdb.js';
import { unpack } from '../../../src/store/msgpack.js';
import { statePaths } from '../../../src/store/paths.js';
import { CONTROL, type StoredControl } from '../../../src/store/store.js';
import { randomFrom } from '../../engine/lane-support.js';
import { type Change, readRecord, replay, survivors } from './disk.js';
import {
  begin,
  commandOf,
  leftovers,
  MAIN,
  makeTemplate,
  runAgain,
  SCENARIOS,
  type Scenario,
  wrongOutputs,
} from './scenarios.js';
import { Shim } from './shim.js';

/** One power cut and what came of it. */
export interface Cut {
  readonly scenario: string;
  /** After so many changes of the disk, of so many. */
  readonly after: number;
  readonly of: number;
  readonly findings: readonly string[];
}

/** Left out: what writes nothing that is promised, and what two processes write at once, whose changes would not be recorded in their order. */
export const ALL = SCENARIOS.filter(({ name }) => !['verify', 'background backup'].includes(name));

/**
 * Records how a command changes the disk, and lets the power go after each of the changes: what was not synced is lost, or comes in parts. Then a run
 * must succeed, and what was committed must be there.
 * @param rounds power cuts, in all scenarios together
 */
export async function runPower(
  rounds: number,
  seed: number,
  onCut?: (cut: Cut) => void,
  scenarios = ALL,
): Promise<Cut[]> {
  const random = randomFrom(seed);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-power-'));
  const [template, work, record] = ['template', 'work', 'record'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const cuts: Cut[] = [];
  try {
    makeTemplate(template);
    const shim = Shim.build(folder);
    for (const scenario of scenarios) {
      const fresh = (): Promise<void> => begin(scenario, template, work);
      await fresh();
      rmSync(record, { force: true });
      const before = isCounted(scenario) ? await sequenceIn(work) : 0;
      await shim.run(commandOf(scenario.args), work, undefined, record);
      const changes = readRecord(record);
      for (let round = 0; round < rounds / scenarios.length; round++) {
        const after = Math.floor(random() * (changes.length + 1));
        await fresh();
        replay(survivors(changes.slice(0, after), random));
        const findings = await judge(work, before, changes.slice(0, after), scenario);
        const cut = { scenario: scenario.name, after, of: changes.length, findings };
        cuts.push(cut);
        onCut?.(cut);
      }
    }
    return cuts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In this scenario nothing but commits is on its way. */
const isCounted = ({ name }: Scenario): boolean => name === 'run';

async function judge(
  work: string,
  before: number,
  changes: readonly Change[],
  scenario: Scenario,
): Promise<string[]> {
  const run = await runAgain(work);
  if (run.exitCode !== 0)
    return [`the next run ended with ${run.exitCode ?? run.signal}: ${run.stderr.slice(0, 500)}`];
  const lost = isCounted(scenario) ? await lostCommits(run.stdout, changes, before, work) : [];
  const list = execFileSync(process.execPath, [MAIN, 'verify', '--json'], { cwd: work, encoding: 'utf8' });
  const damaged = (JSON.parse(list) as { ok: boolean }).ok ? [] : [`verify: ${list.slice(0, 300)}`];
  return [...lost, ...damaged, ...wrongOutputs(work), ...leftovers(work)];
}

/** LMDB's commits are durable when its meta page is: as many must be there, and none must have been recovered from a backup. */
async function lostCommits(
  stdout: string,
  changes: readonly Change[],
  before: number,
  work: string,
): Promise<string[]> {
  const committed = changes.filter((change) => change.call === 'write' && change.durable).length;
  const now = await sequenceIn(work);
  if (/"type":"warning".*could not be used/.test(stdout)) return ['the store was damaged'];
  return now >= before + committed
    ? []
    : [`${committed} commits were durable, and ${now - before} are there`];
}

/** How many commits a store has seen; 0 if there is none. */
async function sequenceIn(work: string): Promise<number> {
  const paths = statePaths(join(work, '.millrace'));
  if (!existsSync(paths.data) || examineFile(paths, 'read') !== undefined) return 0;
  const database = LmdbDatabase.open(paths, true);
  const control = database.get(CONTROL);
  const sequence = control === undefined ? 0 : (unpack(control) as StoredControl<unknown>).sequence;
  await database.close();
  return sequence;
}
