import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is being done when a system call fails. */
export interface Scenario {
  readonly name: string;
  /** The command line. */
  readonly args: readonly string[];
  /** Makes a project that was built once ready for it. */
  readonly prepare: (folder: string) => void;
}

export const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const INPUTS = ['one', 'two', 'three'];

const MANIFEST = JSON.stringify({
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
});

const state = (folder: string, ...parts: string[]): string => join(folder, '.millrace', ...parts);

/** The state is written by a process of its own. */
const ISOLATED = ['run', '--json', '--isolation', 'process'];

function changeInput(folder: string): void {
  // Else no backup is made.
  rmSync(state(folder, 'backups'), { recursive: true });
  writeFileSync(join(folder, 'in/two'), 'changed\n');
}

export const isIsolated = ({ args }: Scenario): boolean => args === ISOLATED;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first run',
    args: ['run', '--json'],
    prepare: (folder) => rmSync(state(folder), { recursive: true }),
  },
  {
    name: 'run',
    args: ['run', '--json'],
    prepare: changeInput,
  },
  {
    name: 'isolated run',
    args: ISOLATED,
    prepare: changeInput,
  },
  {
    name: 'recovery',
    args: ['run', '--json'],
    prepare: (folder) => truncateSync(state(folder, 'store/data.mdb'), 5000),
  },
  {
    name: 'recovery from an export',
    args: ['run', '--json'],
    prepare(folder) {
      rmSync(state(folder, 'backups'), { recursive: true });
      truncateSync(state(folder, 'store/data.mdb'), 5000);
    },
  },
  { name: 'backup', args: ['backup'], prepare: () => {} },
  { name: 'restore', args: ['restore'], prepare: () => {} },
  { name: 'export', args: ['export', '--history'], prepare: () => {} },
  { name: 'import', args: ['import', 'state.toml'], prepare: () => {} },
  { name: 'gc', args: ['gc', '--max-size', '1'], prepare: () => {} },
  { name: 'verify', args: ['verify', '--repair'], prepare: () => {} },
];

function writeProject(folder: string): void {
  for (const name of ['in', 'out']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'millrace.json'), MANIFEST);
  for (const name of INPUTS) writeFileSync(join(folder, 'in', name), `${name}\n`);
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
    .filter((path) => /(^|\/)(\.millrace-|draft$|store\.replaced)/.test(path))
    .map((path) => `${path} was left`);
}

/** Makes a copy of a project ready for a scenario, in place of what was there. */
export function begin(scenario: Scenario, template: string, work: string): void {
  rmSync(work, { recursive: true, force: true });
  cpSync(template, work, { recursive: true, preserveTimestamps: true });
  scenario.prepare(work);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
