import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mayBeRunning, type ProcessIdentity } from '../../../src/store/process.js';
import { makeOld } from '../../store/old-schema.js';
import { type Ending, runToEnd } from './to-end.js';

/** What is being done when a system call fails. */
export interface Scenario {
  readonly name: string;
  /** The command line. */
  readonly args: readonly string[];
  /** Makes a project that was built once ready for it. */
  readonly prepare: (folder: string) => void | Promise<void>;
  /** Tasks that are not fresh before it: no others may run, whatever fails. */
  readonly stale: readonly string[];
  /** True if the state is backed up at the end, or somebody is told why it is not. */
  readonly backsUp?: boolean;
}

export const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const INPUTS = ['one', 'two', 'three'];

const MANIFEST = {
  tasks: {
    ...Object.fromEntries(
      INPUTS.map((name) => [
        name,
        { command: `cp in/${name} out/${name}`, inputs: [`in/${name}`], outputs: [`out/${name}`] },
      ]),
    ),
    join: {
      command: ['sh', '-c', 'cat out/one out/two out/three > out/all'],
      deps: INPUTS,
      inputs: ['out/one', 'out/two', 'out/three'],
      outputs: ['out/all'],
    },
  },
};

/** More than a run backs up itself. */
const LARGE_BYTES = 2 ** 24 + 2 ** 16;

/** In seconds. */
const LONG_AGO = Date.now() / 1000 - 86_400;

const state = (folder: string, ...parts: string[]): string => join(folder, '.millrace', ...parts);

/** The state is written by a process of its own. */
const ISOLATED = ['run', '--json', '--isolation', 'process'];

/** What runs again after `changeInput`. */
const CHANGED = ['two', 'join'];

function changeInput(folder: string): void {
  writeFileSync(join(folder, 'in/two'), 'changed\n');
}

function changeInputWithoutBackups(folder: string): void {
  // Else no backup is made.
  rmSync(state(folder, 'backups'), { recursive: true });
  changeInput(folder);
}

/** The next run leaves the backup, by which there is one too many, to a process of its own. */
function makeLarge(folder: string): void {
  writeManifest(folder, { ...MANIFEST, backups: { every: '0s', newest: 2 } });
  // What is behind the last page means nothing.
  truncateSync(state(folder, 'store/data.mdb'), LARGE_BYTES);
  changeInput(folder);
}

/** What was built before is of no use any more, and old enough to be removed. */
function supersede(folder: string): void {
  changeInput(folder);
  execFileSync(process.execPath, [MAIN, 'run'], { cwd: folder });
  const content = state(folder, 'content');
  for (const path of readdirSync(content, { recursive: true, encoding: 'utf8' }))
    utimesSync(join(content, path), LONG_AGO, LONG_AGO);
}

export const isIsolated = ({ args }: Scenario): boolean => args === ISOLATED;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first run',
    args: ['run', '--json'],
    prepare: (folder) => rmSync(state(folder), { recursive: true }),
    stale: Object.keys(MANIFEST.tasks),
    backsUp: true,
  },
  {
    name: 'run',
    args: ['run', '--json'],
    prepare: changeInputWithoutBackups,
    stale: CHANGED,
    backsUp: true,
  },
  {
    name: 'isolated run',
    args: ISOLATED,
    prepare: changeInputWithoutBackups,
    stale: CHANGED,
    backsUp: true,
  },
  {
    name: 'background backup',
    args: ['run', '--json'],
    prepare: makeLarge,
    stale: CHANGED,
    backsUp: true,
  },
  {
    name: 'migration',
    args: ['run', '--json'],
    prepare: (folder) => makeOld(state(folder)),
    stale: [],
  },
  {
    name: 'recovery',
    args: ['run', '--json'],
    prepare: (folder) => truncateSync(state(folder, 'store/data.mdb'), 5000),
    stale: [],
  },
  {
    name: 'recovery from an export',
    args: ['run', '--json'],
    prepare(folder) {
      rmSync(state(folder, 'backups'), { recursive: true });
      truncateSync(state(folder, 'store/data.mdb'), 5000);
    },
    stale: [],
  },
  { name: 'backup', args: ['backup'], prepare: () => {}, stale: [] },
  { name: 'restore', args: ['restore'], prepare: () => {}, stale: [] },
  { name: 'export', args: ['export', '--history'], prepare: () => {}, stale: [] },
  { name: 'import', args: ['import', 'state.toml'], prepare: () => {}, stale: [] },
  { name: 'gc', args: ['gc', '--max-size', '1B'], prepare: supersede, stale: [] },
  { name: 'verify', args: ['verify', '--repair'], prepare: () => {}, stale: [] },
];

/** A program and its arguments: millrace. */
export function commandOf(args: readonly string[]): string[] {
  return [process.execPath, MAIN, ...args];
}

/** A run without faults in the project of a scenario. */
export function runAgain(folder: string): Promise<Ending> {
  return runToEnd(commandOf(['run', '--json']), folder);
}

function writeProject(folder: string): void {
  for (const name of ['in', 'out']) mkdirSync(join(folder, name), { recursive: true });
  writeManifest(folder, MANIFEST);
  for (const name of INPUTS) writeFileSync(join(folder, 'in', name), `${name}\n`);
}

function writeManifest(folder: string, manifest: object): void {
  writeFileSync(join(folder, 'millrace.json'), JSON.stringify(manifest));
}

/** A project that was built, backed up and exported. */
export function makeTemplate(folder: string): void {
  mkdirSync(folder);
  writeProject(folder);
  for (const args of [['run'], ['backup'], ['export', '--history'], ['export', 'state.toml', '--history']])
    execFileSync(process.execPath, [MAIN, ...args], { cwd: folder });
}

/** What is wrong with what was built. */
export function wrongOutputs(folder: string): string[] {
  const expected = new Map(
    INPUTS.map((name) => [`out/${name}`, readFileSync(join(folder, 'in', name), 'utf8')]),
  );
  expected.set('out/all', [...expected.values()].join(''));
  return [...expected]
    .filter(([path, text]) => read(join(folder, path)) !== text)
    .map(([path]) => `${path} is wrong`);
}

/** What should not be there when nobody is at work any more. */
export function leftovers(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return found
    .filter((path) => /(^|\/)(\.millrace-|draft$|store\.replaced|(backup-attempt|recovery)$)/.test(path))
    .filter((path) => !isUnderWay(join(folder, path)))
    .map((path) => `${path} was left`);
}

/** Whether it is the note of a backup in the background whose process is still at it, or has just ended: that of a killed run goes on. */
function isUnderWay(path: string): boolean {
  if (!path.endsWith('backup-attempt')) return false;
  if (!existsSync(path)) return true;
  return mayBeRunning((JSON.parse(readFileSync(path, 'utf8')) as { process: ProcessIdentity }).process);
}

/** Makes a copy of a project ready for a scenario, in place of what was there. */
export async function begin(scenario: Scenario, template: string, work: string): Promise<void> {
  rmSync(work, { recursive: true, force: true });
  cpSync(template, work, { recursive: true, preserveTimestamps: true });
  await scenario.prepare(work);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
