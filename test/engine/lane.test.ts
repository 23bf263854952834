import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { LanePool, type LanePoolOptions, type LaneResult } from '../../src/engine/lane/index.js';
import { openPool, run, temporaryFolder, text } from './lane-support.js';

const LONG = 'x'.repeat(100_000);

type Command = string | readonly string[];

/** What a command prints and the code it exits with, in every kind of pool. */
const EXPECTED: readonly (readonly [Command, number, string?])[] = [
  ['/bin/true', 0, ''],
  ['/bin/false', 1, ''],
  ['', 0, ''],
  [' /bin/echo  a   b ', 0, 'a b\n'],
  ['exit 3', 3, ''],
  ['echo a; /bin/echo b >&2; echo c; /bin/echo d >&2', 0, 'a\nb\nc\nd\n'],
  ['no-such-program-anywhere', 127],
  [['no-such-program-anywhere', 'x'], 127],
  ['no-such-program-anywhere; true', 0],
  ['/', 126],
  [['/'], 126],
  ['set -e; false; echo unreached', 1, ''],
  ['exec echo hi', 0, 'hi\n'],
  ['trap "echo bye" EXIT; echo hi', 0, 'hi\nbye\n'],
  ['echo a\necho b\n', 0, 'a\nb\n'],
  ['cat <<end\nhello\nend\n', 0, 'hello\n'],
  ['cat <<end\nhello\nend', 0, 'hello\n'],
  ['echo "$(echo a | tr a b)" # comment', 0, 'b\n'],
  [`printf %s ${LONG}`, 0, LONG],
  [`/bin/echo ${LONG}`, 0, `${LONG}\n`],
  [['printf', '%s', LONG], 0, LONG],
  ['exec >&- 2>&-; exit 4', 4, ''],
  ['exec 0<&- 4<&- 5>&-; echo hi', 0, 'hi\n'],
  ['cat', 0, ''],
  ['read line; echo "$? [$line]"', 0, '1 []\n'],
  ['wait; echo $?; jobs; echo "$!"', 0, '0\n\n'],
  ['echo $#', 0, '0\n'],
  ['kill -9 $$', 137],
  ['kill -TERM $$; echo unreached', 143],
  [['sh', '-c', 'kill -USR1 $$'], 138],
  ['kill -9 0', 137],
  ['kill -USR2 0; sleep 60', 140],
  ['kill -TERM 0; sleep 60', 143],
  ["printf '%s|' $HOME_IS_NOT_SET 'a b'", 0, 'a b|'],
  [
    ['printf', '%s|', '$HOME', 'a b', "it's", '*', '', '\n', ';', '`ls`', 'A=b'],
    0,
    "$HOME|a b|it's|*||\n|;|`ls`|A=b|",
  ],
  [['echo', 'a\\nb'], 0, 'a\\nb\n'],
  [['cd', '/'], 127],
  [['exit', '3'], 127],
  [['if'], 127],
  [['A=b'], 127],
  ['A=b', 0, ''],
  ['A=b printenv A', 0, 'b\n'],
];

const SYNTAX_ERRORS = [
  'echo "a',
  "echo 'a",
  'echo )',
  '}',
  'echo (',
  'if true; then',
  'echo $(',
  '`',
  'done',
  "'; exit 0; '",
];

const folder = mkdtempSync(join(tmpdir(), 'millrace-lane-'));
after(() => rmSync(folder, { recursive: true }));

/** The kinds of pools to be found here. */
function poolKinds(): Map<string, Partial<LanePoolOptions>> {
  const kinds = new Map<string, Partial<LanePoolOptions>>([
    ['lanes of /bin/sh', {}],
    ['no lanes', { shell: join(folder, 'no-shell') }],
  ]);
  if (existsSync('/bin/bash')) {
    const shell = join(folder, 'sh');
    symlinkSync('/bin/bash', shell);
    kinds.set('lanes of bash', { shell });
    // What makes bash put here-documents into files, as it did before 5.1.
    kinds.set('lanes of old bash', { shell, env: { ...process.env, BASH_COMPAT: '50' } });
  }
  return kinds;
}

for (const [kind, options] of poolKinds()) {
  const lanes = kind !== 'no lanes';
  describe(kind, () => {
    const shared = new LanePool({ size: 1, ...options });
    after(() => shared.close());

    for (const command of ['no-such-program-anywhere a', ['no-such-program-anywhere', 'a']]) {
      test(`says of ${JSON.stringify(command)} that there is none, without a line of its own script`, async () => {
        const result = await run(shared, command);
        assert.match(text(result), /^\S*sh: no-such-program-anywhere: (command )?not found\n$/);
      });
    }

    for (const [command, exitCode, output] of EXPECTED) {
      test(`runs ${JSON.stringify(command).slice(0, 70)}`, async () => {
        const result = await run(shared, command);
        assert.equal(result.outcome, 'exited', result.message);
        assert.equal(result.exitCode, exitCode, text(result));
        if (output !== undefined) assert.equal(text(result), output);
      });
    }

    test('keeps a syntax error inside the command', async () => {
      for (const command of SYNTAX_ERRORS) {
        const wrong = await run(shared, command);
        assert.notEqual(wrong.exitCode, 0, command);
        assert.notEqual(text(wrong), '', command);
        assert.equal(text(await run(shared, 'echo fine')), 'fine\n', command);
      }
    });

    test('names the signal', async () => {
      assert.equal((await run(shared, 'kill -9 $$')).signal, 'SIGKILL');
      assert.equal((await run(shared, ['sh', '-c', 'kill -SEGV $$'])).signal, 'SIGSEGV');
      assert.equal((await run(shared, 'exit 3')).signal, undefined);
    });

    test('tells a file that is not executable', async (t) => {
      const file = join(await temporaryFolder(t), 'script');
      writeFileSync(file, 'echo from script');
      for (const command of [file, [file]]) assert.equal((await run(shared, command)).exitCode, 126);
      chmodSync(file, 0o755);
      for (const command of [file, [file]]) assert.equal(text(await run(shared, command)), 'from script\n');
    });

    test('passes output on byte for byte', async (t) => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256));
      const file = join(await temporaryFolder(t), 'bytes');
      writeFileSync(file, bytes);
      for (const command of [`cat ${file}`, ['cat', file]]) {
        assert.ok(bytes.equals((await run(shared, command)).output));
      }
    });

    test('runs in the given folder', async (t) => {
      const cwd = join(await temporaryFolder(t), "it's");
      for (const command of ['pwd', 'pwd -P; true', ['pwd']]) {
        const missing = await run(shared, command, { cwd });
        assert.equal(missing.outcome, 'spawn-failed');
        assert.equal(missing.message, `The working directory ${JSON.stringify(cwd)} does not exist.`);
      }
      assert.equal((await run(shared, ['mkdir', cwd])).exitCode, 0);
      for (const command of ['pwd', ['pwd']])
        assert.equal(text(await run(shared, command, { cwd })), `${cwd}\n`);
    });

    test('sets variables', async () => {
      const env = {
        PLAIN: "a 'quoted' $value\nof two lines",
        EMPTY: '',
        UNICODE: 'ünï✓',
        PATH: `/nowhere:${process.env.PATH}`,
      };
      const names = 'PLAIN EMPTY UNICODE PATH';
      const expected = `${Object.values(env).join('\n')}\n`;
      for (const command of [
        `printenv ${names}`,
        `true; printenv ${names}`,
        ['printenv', ...names.split(' ')],
      ]) {
        assert.equal(text(await run(shared, command, { env })), expected);
      }
      assert.equal(text(await run(shared, ['echo', '\\a'], { env })), '\\a\n');
    });

    test('sets variables that mean something to a shell, or whose names no shell takes', async () => {
      const env = { 'a.b': '1', 'c-d': "it's", IFS: '=', PPID: '1', PLAIN: 'p' };
      for (const [name, value] of Object.entries(env)) {
        assert.equal(text(await run(shared, ['printenv', name], { env })), `${value}\n`);
      }
      assert.equal(
        text(await run(shared, 'echo "$PLAIN" | cat', { env: { PLAIN: 'p', 'a.b': '1' } })),
        'p\n',
      );
    });

    test('leaks nothing from one command to the next', async () => {
      await run(
        shared,
        'cd /; export LEAK=1; umask 0; leak() { :; }; alias x=y; set -f; trap "" TERM; HOME=/',
        {
          env: { OVERRIDE: '1' },
        },
      );
      await run(shared, ['true'], { env: { OVERRIDE: '1' }, cwd: '/' });
      const look = 'pwd; echo "[$LEAK$OVERRIDE$OLDPWD]"; umask; command -v leak; alias; echo *; echo ~; trap';
      const alone = new LanePool({ size: 1, ...options });
      // Where nobody makes or removes anything meanwhile.
      const expected = text(await run(alone, look, { cwd: '/usr' }));
      await alone.close();
      assert.match(expected, /\n\[\]\n/);
      assert.equal(text(await run(shared, look, { cwd: '/usr' })), expected);
    });

    test('finds a program anew for each command', async (t) => {
      const folder = await temporaryFolder(t);
      const env = { PATH: `${folder}/first:${folder}/second:${process.env.PATH}` };
      const install = (where: string) =>
        run(shared, `mkdir -p ${where} && printf 'echo ${where}' >${where}/tool && chmod +x ${where}/tool`, {
          cwd: folder,
        });
      await install('second');
      assert.equal(text(await run(shared, 'tool', { env })), 'second\n');
      await install('first');
      assert.equal(text(await run(shared, 'tool', { env })), 'first\n');
      await run(shared, `rm ${folder}/first/tool`);
      assert.equal(text(await run(shared, 'tool', { env })), 'second\n');
    });

    test('gives a command no descriptor but the three', async () => {
      const list = 'ls /proc/self/fd';
      // This process may have been given others, which any child inherits.
      const expected = execFileSync('/bin/ls', ['/proc/self/fd'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString();
      for (const command of [list, `${list}; true`, list.split(' '), `${list}; : $$`]) {
        assert.equal(text(await run(shared, command)), expected);
      }
    });

    test('refuses what no process can be given', async () => {
      const cases: [Promise<LaneResult>, RegExp][] = [
        [run(shared, []), /empty list/],
        [run(shared, ['', 'a']), /names no program/],
        [run(shared, 'echo \0'), /NUL/],
        [run(shared, ['echo', '\0']), /NUL/],
        [run(shared, 'true', { env: { A: '\0' } }), /NUL/],
        [run(shared, 'true', { env: { 'A=B': 'c' } }), /"A=B"/],
        [run(shared, ['a=b'], { env: { 'a.b': 'c' } }), /"a=b"/],
      ];
      for (const [result, message] of cases) {
        const { outcome, message: said } = await result;
        assert.equal(outcome, 'spawn-failed');
        assert.match(said ?? '', message);
      }
    });

    test('tells when the command ran', async () => {
      const before = Date.now();
      const { start, duration } = await run(shared, 'true');
      assert.ok(start >= before && start <= Date.now());
      assert.ok(duration > 0);
    });

    if (!lanes) return;

    test('gives a command a pipe that it can open by name', async () => {
      assert.equal(text(await run(shared, 'echo a >/dev/stdout; echo b >/dev/stderr')), 'a\nb\n');
    });

    test('runs a command that is longer than any argument may be', async () => {
      const value = 'y'.repeat(3_000_000);
      const result = await run(shared, `value='${value}'; echo \${#value}`);
      assert.equal(text(result), '3000000\n');
    });

    test('survives the death of a lane by its command', async (t) => {
      const pool = openPool(t, options);
      const result = await run(pool, 'kill -9 $PPID; kill -9 0; sleep 60');
      assert.deepEqual([result.outcome, result.signal], ['exited', 'SIGKILL']);
      const lane = await run(pool, ['sh', '-c', 'kill -9 $PPID; sleep 60']);
      assert.deepEqual([lane.outcome, lane.signal], ['exited', 'SIGKILL']);
      assert.match(lane.message ?? '', /killed the shell/);
      assert.equal(text(await run(pool, 'echo fine')), 'fine\n');
    });
  });
}

test('runs as many commands at once as the pool is large, and in the order of the calls', async (t) => {
  const folder = await temporaryFolder(t);
  const pool = openPool(t, { size: 3 });
  // Each of three waits for the two others.
  const meet = (name: string) =>
    run(pool, `echo >${name}; while ! [ -e a -a -e b -a -e c ]; do sleep 0.01; done`, { cwd: folder });
  const met = await Promise.all(['a', 'b', 'c'].map(meet));
  assert.deepEqual(
    met.map((result) => result.exitCode),
    [0, 0, 0],
  );

  const single = openPool(t);
  await Promise.all([1, 2, 3, 4, 5].map((n) => run(single, `echo ${n} >>order`, { cwd: folder })));
  assert.equal(text(await run(single, 'cat order', { cwd: folder })), '1\n2\n3\n4\n5\n');
});

test('withdraws what has no lane yet, and goes on', async (t) => {
  const folder = await temporaryFolder(t);
  const pool = openPool(t, { size: 2 });
  const results = ['a', 'b', 'c', 'd', 'e'].map((name) => run(pool, `: >${name}`, { cwd: folder }));
  pool.withdraw();
  for (const { outcome } of await Promise.all(results)) assert.equal(outcome, 'withdrawn');
  assert.equal(text(await run(pool, 'ls', { cwd: folder })), '');
});
