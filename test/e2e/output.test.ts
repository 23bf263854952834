import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explain, finished, Project } from './rig.js';

const MEGABYTE = 2 ** 20;

/** Loaded into the command line's process: at its end, tells the peak of its memory, in KiB. */
const TELL_PEAK = `
  const { writeFileSync } = require('node:fs');
  process.on('exit', () => writeFileSync(__dirname + '/peak', String(process.resourceUsage().maxRSS)));
`;

describe('what a task prints', { concurrency: 2 }, () => {
  test('is bounded in memory, however much it is', async (t) => {
    const project = new Project(t, { 'tell-peak.cjs': TELL_PEAK });
    project.writeTasks({ flood: { command: 'echo first; head -c 100000000 /dev/zero; echo last' } });
    const env = { NODE_OPTIONS: `--require=${project.path('tell-peak.cjs')}` };
    const { exitCode, stdout, stderr } = await project.millrace(['run'], { env });
    assert.equal(exitCode, 0, stderr);
    const peak = Number(project.read('peak'));
    assert.ok(peak > 0 && peak < 300 * 1024, `the peak was ${peak} KiB`);
    assert.ok(stdout.length > MEGABYTE && stdout.length < 20 * MEGABYTE, `${stdout.length} bytes`);
    const text = stdout.toString('latin1');
    assert.match(text, /\nfirst\n\0/);
    assert.match(text, /\n\[\d+ bytes of output left out\]\n/);
    assert.match(text, /\0last\n/);
    assert.match(text, /its middle was left out/);
  });

  test('never gets stuck, also if many commands begin at once', async (t) => {
    const project = new Project(t);
    const names = Array.from({ length: 24 }, (_, at) => `t${at}`);
    project.writeTasks(
      Object.fromEntries(names.map((name) => [name, { command: 'head -c 200000 /dev/zero' }])),
    );
    const result = await project.millrace(['run', '-j12']);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.ok(result.stdout.length > names.length * 200_000);
  });

  test('passes byte for byte, also if it is no UTF-8', async (t) => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const project = new Project(t, { bytes: 'x' });
    project.write('bytes', bytes);
    project.writeTasks({ show: { command: 'cat bytes' } });
    const plain = await project.millrace(['run']);
    assert.ok(plain.stdout.includes(bytes), explain(plain));
    const json = await project.millrace(['run', '--json']);
    const { outputBase64 } = finished(json).get('show')!;
    assert.deepEqual(Buffer.from(outputBase64!, 'base64'), bytes);
  });

  test('keeps the order of its two streams, and is never mixed with that of others', async (t) => {
    const project = new Project(t);
    const command = 'for i in 1 2 3 4 5 6 7 8; do echo $NAME out $i; echo $NAME err $i >&2; done';
    const tasks = ['a', 'b', 'c', 'd'].map((name) => [name, { command, env: { NAME: name } }]);
    project.writeTasks(Object.fromEntries(tasks));
    const { stdout } = await project.millrace(['run', '-j4']);
    for (const name of ['a', 'b', 'c', 'd']) {
      const lines = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `${name} out ${i}\n${name} err ${i}\n`);
      assert.ok(stdout.includes(lines.join('')), name);
    }
    assert.equal(stdout.includes('\x1b'), false);
  });

  test('ends the run with an error if it cannot be written, and what had ended is kept', async (t) => {
    const project = new Project(t);
    const noise = (input: string[], output: string) => ({
      command: `head -c 100000 /dev/zero; touch ${output}`,
      ...{ inputs: input, outputs: [output] },
    });
    project.writeTasks({ a: noise([], 'a'), b: noise(['a'], 'b'), c: noise(['b'], 'c') });
    const toFullDisk = async (...args: string[]) => {
      const command = `${project.shellLine(args)} >/dev/full`;
      return await project.spawn(['sh', '-c', command]).result;
    };
    const sentence = /^millrace: error: The output cannot be written: no space left on device\.\n$/m;
    for (const args of [['run'], ['run', '--json'], ['graph'], ['--version']]) {
      const { exitCode, stderr } = await toFullDisk(...args);
      assert.equal(exitCode, 1, stderr);
      assert.match(stderr, sentence);
      assert.doesNotMatch(stderr, /\n +at /);
    }
    assert.equal((await project.millrace(['run'])).exitCode, 0);
    assert.ok(project.exists('c'));
  });

  test('that is to be kept is refused if it leads nowhere, and no null device that was meant is', async (t) => {
    const project = new Project(t);
    project.writeTasks({ a: { command: 'true' } });
    await project.build();
    const printed = async (args: string[], to: string) =>
      await project.spawn(['sh', '-c', `${project.shellLine(args)} ${to}`]).result;
    const lost = await printed(['export', '-'], '>&-');
    assert.equal(lost.exitCode, 1, lost.stderr);
    assert.match(
      lost.stderr,
      /^millrace: error: The output cannot be written: standard output is closed[^\n]+\n$/,
    );
    for (const to of ['>/dev/null', '| true']) {
      const { exitCode, stderr } = await printed(['export', '-'], to);
      assert.deepEqual([exitCode, stderr], [0, ''], to);
    }
    for (const args of [['export', '-'], ['history', '--json'], ['why', 'a'], ['graph'], ['status']]) {
      const { exitCode, stderr } = await printed(args, '>/dev/full');
      assert.equal(exitCode, 1, args.join(' '));
      assert.equal(stderr, 'millrace: error: The output cannot be written: no space left on device.\n');
    }
  });

  test('comes in the order in which tasks end, with a summary', async (t) => {
    const project = new Project(t);
    project.writeTasks({
      a: { command: 'printf "no line end"', description: 'Make A' },
      b: { command: 'echo broken; exit 3', deps: ['a'] },
    });
    const { stdout, exitCode } = await project.millrace([]);
    assert.equal(exitCode, 1);
    const text = stdout.toString().replace(/\d+(\.\d+)? m?s/g, 'TIME');
    assert.equal(
      text,
      [
        '[1/2] Make A (TIME)',
        'no line end',
        'FAILED: b (exit 3)',
        'echo broken; exit 3',
        'broken',
        'millrace: 1 ran, 1 failed in TIME',
        '',
      ].join('\n'),
    );
  });
});
