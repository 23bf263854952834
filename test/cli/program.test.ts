import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toDot } from '../../src/cli/commands/graph.js';
import { failureOf } from '../../src/cli/failure.js';
import { main } from '../../src/cli/program.js';
import { DependencyCycle, MillraceError, StateCorrupt, StateLocked } from '../../src/errors.js';
import { MAIN } from './e2e-support.js';
import { fakeContext } from './support.js';

/** Runs the command line in this process, with what it wrote. */
async function cli(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const context = fakeContext();
  const exitCode = await main(args, context);
  return { exitCode, stdout: context.stdout.text, stderr: context.stderr.text };
}

describe('bad usage', () => {
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['--jbos'], /unknown option '--jbos' \(Did you mean .*--jobs/],
    [['run', '-j'], /option '-j, --jobs <n>' argument missing/],
    [['-j', '0'], /argument '0' is invalid\. It must be a whole number of at least 1\./],
    [['-j1e3'], /argument '1e3' is invalid/],
    [['-k', '-1'], /argument '-1' is invalid\. It must be a whole number of at least 0\./],
    [['-k', '99999999999999999999'], /is invalid/],
    [['graph', '--format', 'svg'], /argument 'svg' is invalid\. Allowed choices are order, dot, json\./],
    [['status', '--force'], /unknown option '--force' \("millrace COMMAND --help" lists the options\)/],
    [['-f', tmpdir()], /is a folder; give -f the manifest in it, or -C the folder/],
    [['help', 'bogus'], /unknown command 'bogus' \("millrace help" lists the commands\)/],
    [['help', 'statu'], /unknown command 'statu' \(did you mean "status"\?\)/],
    [['artifacts', 'help', 'bogus'], /unknown command 'bogus' \("millrace artifacts help" lists/],
    [['artifacts', 'lst'], /No task is named "lst".*\(did you mean the command "list"\?\)/],
    [['gc', '--max-age', '14'], /argument '14' is invalid\. It must be a number and s, m, h, d or w/],
    [['gc', '--max-size', '1XiB'], /It must be a number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB/],
    [['artifacts', 'restore', 'a', '--into', ''], /--into needs the name of a folder\./],
    [['-f', '/no/such.toml'], /There is no manifest \/no\/such\.toml\.\n$/],
    [['-C', '/no/such/folder'], /Cannot work in "\/no\/such\/folder": there is no such folder\./],
    [['-C', fileURLToPath(import.meta.url)], /Cannot work in ".*": it is not a folder\./],
  ];
  for (const [args, message] of cases) {
    test(args.join(' '), async () => {
      const { exitCode, stdout, stderr } = await cli(...args);
      assert.equal(exitCode, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.match(stderr, /^millrace: error: [^\n]*\n$/, 'one line');
    });
  }

  test('is an event with --json', async () => {
    const { exitCode, stdout } = await cli('--json', '--oops');
    assert.equal(exitCode, 2);
    const { message, time: _, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, { v: 1, seq: 1, type: 'error', code: 'BAD_USAGE' });
    assert.match(message, /^unknown option/);
  });
});

test('a folder without a manifest is told, with its code', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
  const before = process.cwd();
  t.after(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  const { exitCode, stdout, stderr } = await cli('--json', '-C', folder);
  assert.equal(exitCode, 2);
  assert.equal(JSON.parse(stdout).code, 'NO_MANIFEST');
  assert.match(stderr, /^millrace: error: .*millrace\.toml/);
});

test('a working folder that was deleted is told', () => {
  const script = 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$@"';
  for (const command of ['run', 'status']) {
    const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', process.execPath, MAIN, command], {
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(stderr, /^millrace: error: The folder that this is started in has been deleted; [^\n]*\n$/);
  }
});

test('a working folder whose path is too long is told, and not as deleted', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
  // Node.js would name each file by a path that is too long.
  t.after(() => spawnSync('rm', ['-rf', folder]));
  const deeper = `const name = 'd'.repeat(200);
    for (let at = 0; at < 25; at++) fs.mkdirSync(name), process.chdir(name);
    const [program, ...args] = process.argv.slice(1);
    process.exitCode = child_process.spawnSync(program, args, { stdio: 'inherit' }).status;`;
  const command = [process.execPath, MAIN, 'status'];
  const { status, stderr } = spawnSync(process.execPath, ['-e', deeper, ...command], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 2, stderr);
  assert.match(stderr, /^millrace: error: The path of the folder to work in is longer than [^\n]*\n$/);
});

test('--help explains the commands, their options and shows examples', async () => {
  const program = await cli('--help');
  assert.equal(program.exitCode, 0);
  for (const word of ['run', 'status', 'graph', '--directory', '--json', 'Examples:', 'Exit codes:']) {
    assert.ok(program.stdout.includes(word), word);
  }
  const run = await cli('run', '--help');
  for (const word of ['--jobs', '--keep-going', '--dry-run', '--force', '--state']) {
    assert.ok(run.stdout.includes(word), word);
  }
});

test('--version prints the version', async () => {
  assert.match((await cli('--version')).stdout, /^millrace \d+\.\d+\.\d+\n$/);
});

describe('exit codes', () => {
  test('tell what kind of error it was', () => {
    const cases = [
      [new StateLocked('/x', 1, new Date(0)), 3],
      [new StateCorrupt('/x', 'odd'), 3],
      [new MillraceError('COMMIT_FAILED', 'No space.'), 3],
      [new DependencyCycle(['a', 'a']), 2],
      [new MillraceError('UNKNOWN_TARGET', 'No.'), 2],
      [new MillraceError('FILE_UNREADABLE', 'No.'), 1],
      [new TypeError('x is not a function'), 70],
      ['thrown', 70],
    ] as const;
    for (const [error, exitCode] of cases) assert.equal(failureOf(error).exitCode, exitCode, String(error));
  });
});

test('DOT ids are quoted', () => {
  const text = toDot([
    { id: 'say "hi"', dependencies: [] },
    { id: 'a\\b\n', dependencies: ['say "hi"'] },
  ]);
  assert.equal(
    text,
    [
      'digraph millrace {',
      '  rankdir=LR',
      '  "say \\"hi\\""',
      '  "a\\\\\\\\b\\\\n"',
      '  "a\\\\\\\\b\\\\n" -> "say \\"hi\\""',
      '}',
      '',
    ].join('\n'),
  );
});
