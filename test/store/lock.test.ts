import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { type TestContext, test } from 'node:test';
import { openState, StateLocked } from 'millrace';
import { MARK, markOf } from '../../src/marked-processes.js';
import { whileWaiting } from '../../src/store/lock.js';
import { statePaths } from '../../src/store/paths.js';
import { thisProcess } from '../../src/store/process.js';
import { isAlive, temporaryFolder, until } from '../engine/lane-support.js';
import { refusal, replaceInFs, runCode, shellArguments, stateDirectory, withState } from './support.js';

/** A lock as a process that is not ours would have left it. */
function leaveLock(directory: string, changes: object): void {
  const holder = { ...thisProcess(), since: new Date().toISOString(), id: 'left-behind', ...changes };
  writeFileSync(statePaths(directory).lock, JSON.stringify(holder));
}

/** A state directory that was used before. */
async function closedState(t: TestContext): Promise<string> {
  const directory = await stateDirectory(t);
  await withState(directory, () => {});
  return directory;
}

test('a second writer learns who holds the state', async (t) => {
  const directory = await stateDirectory(t);
  const code = `try { await openState(directory); console.log('opened'); }
    catch (error) { console.log(error.code, error.pid, error.since.getTime() === ${Math.trunc(performance.timeOrigin)}); }`;
  await withState(directory, async () => {
    assert.equal((await runCode(directory, code)).stdout, `STATE_LOCKED ${process.pid} true\n`);
    await assert.rejects(openState(directory), (error: StateLocked) => {
      return error instanceof StateLocked && error.pid === process.pid;
    });
  });
  assert.equal((await runCode(directory, code)).stdout, 'opened\n');
});

test('the lock of a process that has ended is taken over', async (t) => {
  const directory = await stateDirectory(t);
  await withState(directory, (state) => state.tasks.define({ id: 'kept' }));
  const left: Record<string, object> = {
    'its process is dead': { pid: 2 ** 22 + 1 },
    'its pid has gone to another process': { started: '1' },
    'the machine was started anew': { boot: 'another boot' },
    'it was in a container that had another name, before the machine was started anew': {
      boot: 'another boot',
      host: 'elsewhere',
      namespace: 'pid:[1]',
    },
  };
  for (const [why, changes] of Object.entries(left)) {
    leaveLock(directory, changes);
    await withState(directory, (state) => {
      assert.deepEqual([why, state.tasks.has('kept'), state.recovery.unclean], [why, true, true]);
      assert.equal(JSON.parse(readFileSync(statePaths(directory).lock, 'utf8')).pid, process.pid);
    });
  }
  for (const said of [
    '',
    'null',
    '[]',
    '5',
    '{}',
    '{"pid":-1}',
    JSON.stringify({ ...thisProcess(), id: 'x' }),
  ]) {
    writeFileSync(statePaths(directory).lock, said);
    await withState(directory, (state) => assert.deepEqual([said, state.tasks.has('kept')], [said, true]));
  }
  assert.deepEqual(readdirSync(directory), ['store']);
});

test('a lock that cannot be judged from here is respected', async (t) => {
  const directory = await closedState(t);
  for (const [place, changes] of Object.entries({
    'on host elsewhere': { host: 'elsewhere', pid: 2 ** 22 + 1 },
    'in another container': { namespace: 'pid:[1]', pid: 2 ** 22 + 1 },
  })) {
    leaveLock(directory, changes);
    const message = new RegExp(
      `in use by process 4194305 ${place}, started .*; wait until it is closed, or make sure that nothing runs there any more, and remove ${statePaths(directory).lock}\\.$`,
    );
    await assert.rejects(openState(directory), { code: 'STATE_LOCKED', place, message });
    // Who waits is told, too, what else to do.
    const told: string[] = [];
    const onWait = (holder: StateLocked): unknown => told.push(whileWaiting(holder));
    await assert.rejects(openState({ directory, wait: 100, onWait }), { code: 'STATE_LOCKED' });
    assert.equal(told.length, 1);
    assert.match(told[0]!, / and remove .*\/lock\. Waiting for it to end\.$/);
  }
});

test('a state directory that is a link to nowhere, a volume that is not mounted, is no empty state', async (t) => {
  const directory = await stateDirectory(t);
  symlinkSync('/nowhere/at/all', directory);
  for (const readOnly of [true, false])
    await assert.rejects(openState({ directory, readOnly }), {
      code: 'STATE_UNAVAILABLE',
      message: /there is a link to nowhere where a folder should be/,
    });
});

test('who cannot look into /proc writes nothing, and takes nobody for dead', {
  skip: process.platform !== 'linux' && 'there is no /proc',
}, async (t) => {
  const directory = await closedState(t);
  const code = `const { default: fs } = await import('node:fs');
    const { syncBuiltinESMExports } = await import('node:module');
    const { readFileSync } = fs;
    const refuse = (what) => {
      fs.readFileSync = (path, ...others) => {
        if (!String(path).startsWith(what)) return readFileSync(path, ...others);
        throw Object.assign(new Error('EMFILE'), { code: 'EMFILE', errno: -24 });
      };
      syncBuiltinESMExports();
    };
    for (const what of ['/proc/', '/proc/sys/kernel/random/boot_id', '/proc/self/stat', '/proc/${process.pid}/stat', '/nowhere']) {
      refuse(what);
      console.log(await openState(directory).then(() => 'opened', ({ code, message }) => code + ' ' + message));
      if (what === '/proc/') await (await openState({ directory, readOnly: true })).close();
    }`;
  const [all, boot, ...others] = await withState(directory, async () =>
    (await runCode(directory, code)).stdout.trim().split('\n'),
  );
  assert.match(
    all!,
    /^STATE_UNAVAILABLE .* \/proc\/self\/stat cannot be read \(too many open files\), by which others/,
  );
  assert.match(boot!, /^STATE_UNAVAILABLE .* something in \/proc could not be read, by which others/);
  assert.equal(others.length, 3);
  for (const said of others) assert.match(said, /^STATE_LOCKED .* in use by process \d+, started/);
  leaveLock(directory, { boot: '', started: '', namespace: '' });
  await assert.rejects(openState(directory), { code: 'STATE_LOCKED', place: 'as far as can be seen' });
});

/** What may lie where a file should be. */
const MISPLACED: Readonly<Record<string, (path: string) => void>> = {
  'a link to nothing': (path) => symlinkSync('nowhere', path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a link to a file': (path) => symlinkSync('/dev/null', path),
  'a pipe': (path) => execFileSync('mkfifo', [path]),
  'a folder': (path) => mkdirSync(path),
};

test('what lies where a mark should be, and is no file, is refused by its path', async (t) => {
  if (process.platform === 'win32') return t.skip('there are no pipes');
  const directory = await closedState(t);
  // In a process of its own, which can be ended if it waits.
  const code = `for (const readOnly of [false, true]) {
    await openState({ directory, readOnly }).then(() => console.log('opened'), ({ code, message }) => console.log(code, message));
  }`;
  const { lock, unverified, recovery } = statePaths(directory);
  for (const path of [lock, unverified, recovery]) {
    for (const [what, put] of Object.entries(MISPLACED)) {
      put(path);
      const { stdout } = await runCode(directory, code);
      const line = `STATE_UNAVAILABLE The state in ${directory} cannot be used: ${path} is not a regular file; nothing of millrace makes that, so remove it, or move it away.\n`;
      assert.equal(stdout, line + line, what);
      rmSync(path, { recursive: true });
    }
  }
  await withState(directory, () => {});
});

test('a folder that is a link to itself is refused by its path, and one that is a store is moved aside', async (t) => {
  const directory = await closedState(t);
  const { backups, exports, store } = statePaths(directory);
  for (const path of [backups, exports]) {
    symlinkSync(path, path);
    const message = `The state in ${directory} cannot be used: ${path} is a link that leads to itself; nothing of millrace makes that, so remove it, or move it away.`;
    await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE', message });
    rmSync(path);
  }
  rmSync(store, { recursive: true });
  symlinkSync(store, store);
  await withState(directory, (state) => assert.match(state.recovery.movedAside ?? '', /store\.corrupt-/));
});

test('what is named like a lock, and is no file, stays where it is', async (t) => {
  const directory = await closedState(t);
  const { lock } = statePaths(directory);
  mkdirSync(`${lock}.mine`);
  await withState(directory, () => {});
  assert.equal(existsSync(`${lock}.mine`), true);
});

test('of processes that race for a stale lock exactly one gets it', async (t) => {
  const directory = await closedState(t);
  const { lock } = statePaths(directory);
  const meeting = await temporaryFolder(t);
  const module = new URL('../../src/store/lock.js', import.meta.url).href;
  // All start at once, and who has the lock keeps it until the others have tried.
  const code = `const { DirectoryLock } = await import(${JSON.stringify(module)});
    const { readdirSync, writeFileSync } = await import('node:fs');
    const meet = (place, count) => {
      const folder = ${JSON.stringify(meeting)};
      writeFileSync(folder + '/' + round + place + process.pid, '');
      while (readdirSync(folder).filter((name) => name.startsWith(round + place)).length < count);
    };
    meet('start', 4);
    try {
      const held = DirectoryLock.acquire(${JSON.stringify(lock)}, directory, () => {});
      meet('end', 4);
      console.log(held.isHeld() ? 'kept' : 'lost');
      held.release();
    } catch (error) { meet('end', 1); console.log(error.code); }`;
  for (const round of ['a', 'b', 'c']) {
    leaveLock(directory, { pid: 2 ** 22 + 1, id: `stale-${round}` });
    const racers = Array.from({ length: 4 }, () => runCode(directory, `const round = '${round}';${code}`));
    const said = (await Promise.all(racers)).map(({ stdout, stderr }) => stdout + stderr);
    assert.deepEqual(said.sort(), ['STATE_LOCKED\n', 'STATE_LOCKED\n', 'STATE_LOCKED\n', 'kept\n']);
    assert.deepEqual(readdirSync(directory), ['store']);
  }
});

test('a successor that dies half-way is succeeded, and what its predecessor has started is told of', async (t) => {
  const directory = await closedState(t);
  const first = { ...thisProcess(), pid: 2 ** 22 + 1 };
  leaveLock(directory, { ...first, id: 'first' });
  const second = { ...thisProcess(), pid: 2 ** 22 + 2, since: new Date().toISOString(), id: 'second' };
  writeFileSync(`${statePaths(directory).lock}.first`, JSON.stringify(second));
  const escaped = spawn('sleep', ['300.5'], { env: { ...process.env, [MARK]: markOf(first) } });
  t.after(() => escaped.kill());
  await withState(directory, ({ recovery }) => {
    assert.equal(recovery.unclean, true);
    assert.deepEqual(recovery.escaped, [{ pid: escaped.pid, command: 'sleep 300.5' }]);
  });
  assert.deepEqual(readdirSync(directory), ['store']);
});

test('who reads verifies also while the one that has ended is about to be succeeded', async (t) => {
  const directory = await closedState(t);
  leaveLock(directory, { pid: 2 ** 22 + 1, id: 'first' });
  const claim = `${statePaths(directory).lock}.first`;
  writeFileSync(claim, JSON.stringify({ ...thisProcess(), since: new Date().toISOString(), id: 'second' }));
  const reader = await openState({ directory, readOnly: true });
  assert.equal(reader.recovery.unclean, true);
  await reader.close();
  await assert.rejects(openState(directory), { code: 'STATE_LOCKED', pid: process.pid });
});

test('what a process has started is told of, however many have ended since while they opened the state', async (t) => {
  const directory = await closedState(t);
  const first = { ...thisProcess(), pid: 2 ** 22 + 1 };
  const escaped = spawn('sleep', ['300.5'], { env: { ...process.env, [MARK]: markOf(first) } });
  t.after(() => escaped.kill());
  const putBack = replaceInFs(t, {
    renameSync() {
      throw refusal('EIO', 'rename');
    },
  });
  for (let number = 0; number < 12; number++) {
    leaveLock(directory, { pid: first.pid + number, id: `ended-${number}` });
    await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE' });
  }
  putBack();
  await withState(directory, ({ recovery }) => {
    assert.deepEqual(recovery.escaped, [{ pid: escaped.pid, command: 'sleep 300.5' }]);
  });
});

test('a lock and claims that a crash has emptied, or that name each other, are succeeded', async (t) => {
  const directory = await closedState(t);
  const { lock } = statePaths(directory);
  const dead = (id: string): string =>
    JSON.stringify({ ...thisProcess(), started: '1', since: new Date().toISOString(), id });
  const chains: Record<string, Record<string, string>> = {
    emptied: { '': '', '.unreadable': '', '.unreadable~': '' },
    'its own successor': { '': dead('a'), '.a': dead('a') },
    'in a circle': { '': dead('a'), '.a': dead('b'), '.b': dead('a') },
    'no name of a file': { '': dead('a\0b') },
    'too long a name': { '': dead('a'.repeat(300)) },
    elsewhere: { '': dead('/../../elsewhere') },
  };
  for (const [name, files] of Object.entries(chains)) {
    for (const [end, text] of Object.entries(files)) writeFileSync(lock + end, text);
    await withState(directory, (state) => assert.ok(state.recovery.unclean, name));
    const left = readdirSync(directory).filter((file) => file.startsWith('lock'));
    assert.deepEqual(left, [], name);
  }
});

test('drafts of processes that were killed are swept by the next writer', async (t) => {
  const directory = await closedState(t);
  const { lock } = statePaths(directory);
  writeFileSync(`${lock}.killed-before-the-first-byte.new`, '');
  const dead = { ...thisProcess(), pid: 2 ** 22 + 1, since: new Date().toISOString(), id: 'dead' };
  writeFileSync(`${lock}.dead.new`, JSON.stringify(dead));
  await withState(directory, (state) => assert.equal(state.recovery.unclean, false));
  assert.deepEqual(readdirSync(directory), ['store']);
});

test('a lock is given back if the folder that it is in cannot be read', async (t) => {
  const directory = await closedState(t);
  // As for a folder that its owner may not list; root could.
  const { mock } = t.mock.method(fs, 'readdirSync', () => {
    throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'scandir' });
  });
  syncBuiltinESMExports();
  await assert.rejects(openState(directory), { code: 'STATE_UNAVAILABLE', message: /no permission/ });
  mock.restore();
  syncBuiltinESMExports();
  await withState(directory, (state) => assert.equal(state.recovery.unclean, false));
});

test('an unclean end is known until it is marked: also if the system refuses the mark', async (t) => {
  const directory = await closedState(t);
  const { lock, unverified } = statePaths(directory);
  leaveLock(directory, { pid: 2 ** 22 + 1 });
  const { appendFileSync } = fs;
  const putBack = replaceInFs(t, {
    appendFileSync(...args: Parameters<typeof appendFileSync>) {
      if (args[0] === unverified) throw refusal('ENOSPC', 'write');
      appendFileSync(...args);
    },
  });
  await assert.rejects(openState(directory), { code: 'STATE_DISK_FULL' });
  putBack();
  assert.ok(existsSync(lock));
  assert.deepEqual(readdirSync(directory), ['lock', 'store']);
  await withState(directory, (state) => assert.equal(state.recovery.unclean, true));
  assert.deepEqual(readdirSync(directory), ['store']);
});

test('processes that sweep one another away still get the lock or are told who has it', async (t) => {
  const directory = await closedState(t);
  const { lock } = statePaths(directory);
  const module = new URL('../../src/store/lock.js', import.meta.url).href;
  const code = `const { DirectoryLock } = await import(${JSON.stringify(module)});
    let held = 0;
    for (let round = 0; round < 500; round++) {
      try {
        DirectoryLock.acquire(${JSON.stringify(lock)}, directory, () => {}).release();
        held++;
      } catch (error) {
        if (error.code !== 'STATE_LOCKED') throw error;
      }
    }
    console.log(held > 0 ? 'held' : 'never');`;
  const said = await Promise.all([1, 2, 3, 4].map(() => runCode(directory, code)));
  assert.deepEqual(
    said.map(({ stdout, stderr }) => stdout + stderr),
    ['held\n', 'held\n', 'held\n', 'held\n'],
  );
  assert.deepEqual(readdirSync(directory), ['store']);
});

test('a killed process that nobody has waited for holds no lock', async (t) => {
  const directory = await closedState(t);
  const code = "await openState(directory); process.stdout.write('opened'); setInterval(() => {}, 1000)";
  // The shell becomes a program that never waits for the child that it has.
  const parent = spawn('/bin/sh', shellArguments(directory, code, '"$@" & exec sleep 60'));
  t.after(() => parent.kill('SIGKILL'));
  await once(parent.stdout, 'data');
  const { pid } = JSON.parse(readFileSync(statePaths(directory).lock, 'utf8'));
  await assert.rejects(openState(directory), StateLocked);
  process.kill(pid, 'SIGKILL');
  await until('it is a zombie', () => !isAlive(pid));
  await withState(directory, (state) => assert.ok(state.recovery.unclean));
  assert.equal(existsSync(`/proc/${pid}/stat`), true);
});
