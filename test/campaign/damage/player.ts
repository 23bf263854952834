/** `node player.js TEMPLATE FOLDER FIRST COUNT FORBIDS`: plays rounds, and prints a line of JSON for each before and after. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openState } from 'millrace';
import { isSystemError } from '../../../src/errors.js';
import { openFiles, randomFrom } from '../../engine/lane-support.js';
import { commandsFor, execute } from './command.js';
import { type Link, leadsToFolder, link } from './link.js';
import { mutate, mutateFolder } from './mutate.js';
import { type Deed, openTwice, type Rung } from './oracle.js';
import { Outside } from './outside.js';
import { allow, forbid } from './permissions.js';
import { clear, mayRefuse, type Planted, plant } from './plant.js';
import type { Template } from './template.js';

/** Parts of the rounds: a folder is lost; no file is damaged; something is planted; something is a link; something is forbidden; a command comes first. */
const PARTS = { folders: 0.1, whole: 0.4, planted: 0.4, linked: 0.4, forbidden: 0.3, commands: 0.6 };

const REFUSALS = new Set(['STATE_UNAVAILABLE', 'STATE_LOCKED']);

/** What a round has come to. */
export interface Played {
  readonly seed: number;
  readonly what: string;
  /** Which rung it ended on. */
  readonly rung: Rung;
  /** Whether it was refused before what was in the way had gone. */
  readonly isRefused: boolean;
  readonly finding: string | undefined;
}

/** What was done to a state directory before anything looked at it. */
interface Harm {
  readonly what: readonly string[];
  readonly planted: readonly Planted[];
  readonly links: readonly Link[];
  readonly mayRefuse: boolean;
  /** lmdb 3.5.6 does not close an environment whose data it may not write. */
  readonly mayLeak: boolean;
  touched(path: string): boolean;
}

const [given, folder, first, count, forbids] = process.argv.slice(2);
const template = JSON.parse(given!) as Template;
const commands = commandsFor(template);
const directory = join(folder!, 'state');
for (let round = 0; round < Number(count); round++) {
  console.log(JSON.stringify(await play(Number(first) + round)));
}

async function play(seed: number): Promise<Played> {
  const random = randomFrom(seed);
  allow(directory);
  rmSync(directory, { recursive: true, force: true });
  cpSync(template.directory, directory, { recursive: true });
  allow(directory);
  // Then a run restores it, or makes it again.
  rmSync(join(template.project, 'out'), { force: true });
  const outside = new Outside(folder!);
  const harm = doHarm(outside, random);
  const command = random() < PARTS.commands ? commands[Math.floor(random() * commands.length)]! : undefined;
  const what = [...harm.what, ...(command === undefined ? [] : [`millrace ${command.args.join(' ')}`])].join(
    ', ',
  );
  console.log(JSON.stringify({ begins: what }));
  const before = countOpen();
  try {
    const done = command && { ...command, ...(await execute(command, template, directory)) };
    const { isRefused, finding } = await meet(harm);
    allow(directory);
    clear(directory, harm.planted);
    const { touched } = harm;
    const deed: Deed = { template, directory, touched, command: done };
    const opened = await openTwice(deed);
    const leak = harm.mayLeak || countOpen() <= before ? undefined : 'a file of it was left open';
    const changed = outside.whatChanged(harm.links.some(leadsToFolder));
    const found = changed ?? done?.finding ?? finding ?? opened.finding ?? leak;
    return { seed, what, isRefused, rung: opened.rung, finding: found };
  } catch (error) {
    const finding = `it could not be opened: ${(error as Error).stack ?? String(error)}`;
    return { seed, what, rung: 'store', isRefused: false, finding };
  }
}

function doHarm(outside: Outside, random: () => number): Harm {
  const lost = random() < PARTS.folders ? mutateFolder(directory, random) : undefined;
  const done = lost !== undefined || random() < PARTS.whole ? [] : mutate(directory, random);
  const planted = random() < PARTS.planted ? plant(directory, outside, random) : [];
  const links = random() < PARTS.linked ? link(directory, outside, random) : [];
  const isForbidding = random() < PARTS.forbidden && forbids === 'true';
  const forbidden = isForbidding ? forbid(directory, random) : [];
  return {
    what: [
      ...(lost === undefined ? [] : [lost]),
      ...[...done, ...planted.map(({ path, thing }) => ({ path, kind: thing }))].map(
        ({ kind, path }) => `${path} ${kind}`,
      ),
      ...links.map(({ path, to }) => `${path} a link to a ${to}`),
      ...forbidden,
    ],
    planted,
    links,
    // Also where that was moved to, of which a link is left.
    mayLeak: forbidden.some((one) => one.startsWith('store/data.mdb')),
    mayRefuse: forbidden.length > 0 || planted.some(mayRefuse),
    touched: (path) =>
      done.some((mutation) => mutation.path === path) ||
      links.some((one) => `${path}/`.startsWith(`${one.path}/`)) ||
      (lost !== undefined && path.startsWith(lost.split(' ')[0]!)),
  };
}

/** Files of the state that this process has open, also such as are removed. */
function countOpen(): number {
  return openFiles().filter((path) => path.startsWith(directory)).length;
}

/** Opens it as it is: what was in the way, and nothing else, may refuse that, by an error that says so. */
async function meet(harm: Harm): Promise<Pick<Played, 'finding' | 'isRefused'>> {
  try {
    await (await openState(directory)).close();
    return { isRefused: false, finding: undefined };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isClear = REFUSALS.has(code ?? '') || isSystemError(error);
    const finding = harm.mayRefuse && isClear ? undefined : `it was refused: ${code} ${message}`;
    return { isRefused: true, finding };
  }
}
