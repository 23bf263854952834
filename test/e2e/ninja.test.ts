import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { eventsOf, explain, finished, Project, started, summary } from './rig.js';

/** Makes a "compiler": it copies, and follows lines `include "x"` one level deep. */
const COMPILER = `#!/bin/sh
# usage: cc IN OUT DEPFILE
cat "$1" > "$2"
printf '%s: %s' "$2" "$1" > "$3"
for header in $(sed -n 's/^include "\\(.*\\)"$/\\1/p' "$1"); do
  cat "$header" >> "$2"
  printf ' \\\\\\n  %s' "$header" >> "$3"
done
echo >> "$3"
`;

const COMPILE = `rule cc
  command = sh cc.sh $in $out $out.d
  depfile = $out.d
  deps = gcc
  description = CC $out
rule link
  command = cat $in > $out
  description = LINK $out
`;

function ninja(t: TestContext, manifest: string, files: Readonly<Record<string, string>> = {}): Project {
  return new Project(t, { 'cc.sh': COMPILER, 'build.ninja': manifest, ...files });
}

function objects(t: TestContext): Project {
  return ninja(
    t,
    `${COMPILE}
build obj/a.o: cc a.c
build obj/b.o: cc b.c
build app: link obj/a.o obj/b.o
`,
    {
      'a.c': 'include "a.h"\ninclude "common.h"\n',
      'b.c': 'include "common.h"\n',
      'a.h': 'A\n',
      'common.h': '1\n',
    },
  );
}

const keys = (map: ReadonlyMap<string, unknown>) => [...map.keys()].sort();

describe('build.ninja', { concurrency: 2 }, () => {
  test('headers that a compiler named make only their objects stale', async (t) => {
    const project = objects(t);
    assert.deepEqual(keys(await project.build()), ['app', 'obj/a.o', 'obj/b.o']);
    assert.equal(project.exists('obj/a.o.d'), false);
    assert.deepEqual(await project.build(), new Map());
    project.write('a.h', 'B\n');
    assert.deepEqual(
      await project.build(),
      new Map<string, object>([
        ['obj/a.o', { kind: 'input-changed', path: 'a.h', count: 1 }],
        ['app', { kind: 'input-changed', path: 'obj/a.o', count: 1, producer: 'obj/a.o' }],
      ]),
    );
    const readers = await project.json<{ tasks: { id: string }[] }>(['graph', 'a.h^']);
    assert.deepEqual(
      readers.tasks.map(({ id }) => id),
      ['obj/a.o'],
    );
    project.write('common.h', '2\n');
    assert.deepEqual(keys(await project.build()), ['app', 'obj/a.o', 'obj/b.o']);
    project.write('a.c', 'include "common.h"\n');
    await project.build();
    project.delete('a.h');
    assert.deepEqual(await project.build(), new Map());
    assert.equal(project.read('app'), 'include "common.h"\n2\ninclude "common.h"\n2\n');
  });

  test('a header that is gone is no error of its own', async (t) => {
    const project = objects(t);
    await project.build();
    project.delete('a.h');
    const result = await project.millrace(['run', '--json']);
    assert.deepEqual(started(result).get('obj/a.o'), { kind: 'input-removed', path: 'a.h', count: 1 });
  });

  test('a rule that leaves its output alone stops there, restat or not', async (t) => {
    const manifest = (restat: string) => `rule keep
  command = cmp -s $in $out || cp $in $out
  ${restat}
rule copy
  command = cp $in $out
build mid: keep in
build out: copy mid
`;
    for (const restat of ['restat = 1', '']) {
      const project = ninja(t, manifest(restat), { in: 'x' });
      await project.build();
      project.write('in', 'y');
      assert.deepEqual(keys(await project.build()), ['mid', 'out']);
      project.write('extra', '');
      project.delete('mid');
      assert.deepEqual(keys(await project.build()), ['mid']);
    }
  });

  test('order-only inputs are there before, and their changes mean nothing', async (t) => {
    const project = ninja(
      t,
      `rule sh
  command = $cmd
build gen.h: sh seed
  cmd = cp seed gen.h
build out: sh in || gen.h
  cmd = test -e gen.h && cp in out
`,
      { seed: '1', in: 'x' },
    );
    assert.deepEqual([...(await project.build()).keys()], ['gen.h', 'out']);
    project.write('seed', '2');
    assert.deepEqual(keys(await project.build()), ['gen.h']);
  });

  test('a dry run counts no task that only comes after one that runs', async (t) => {
    const project = ninja(
      t,
      `${COMPILE}
rule cp
  command = cp $in $out
build gen.h: cp gen.in
build headers: phony gen.h
build reads.o: cc reads.c || headers
build not.o: cc not.c || headers
build edited.o: cc edited.c || headers
build app: link reads.o || not.o
`,
      { 'gen.in': '1', 'reads.c': 'include "gen.h"\n', 'not.c': '', 'edited.c': '' },
    );
    await project.build();
    project.write('gen.in', '2');
    project.write('edited.c', 'new');
    const dry = await project.millrace(['-n', '--json']);
    assert.deepEqual(
      new Map(eventsOf(dry, 'task-planned').map(({ task, reason }) => [task, reason])),
      new Map<string, object>([
        ['gen.h', { kind: 'input-changed', path: 'gen.in', count: 1 }],
        ['reads.o', { kind: 'dependency', task: 'gen.h' }],
        ['edited.o', { kind: 'input-changed', path: 'edited.c', count: 1 }],
        ['app', { kind: 'dependency', task: 'reads.o' }],
      ]),
    );
    assert.equal(summary(dry).fresh, 1);
    assert.deepEqual(keys(await project.build()), ['app', 'edited.o', 'gen.h', 'reads.o']);
  });

  test('a header that is made in the same run is noticed by what includes it', async (t) => {
    const project = ninja(
      t,
      `${COMPILE}
rule copy
  command = cp $in $out
build gen.h: copy seed
build a.o: cc a.c || gen.h
`,
      { seed: '1\n', 'a.c': 'include "gen.h"\n' },
    );
    await project.build();
    project.write('seed', '2\n');
    const producer = { kind: 'input-changed', path: 'gen.h', count: 1, producer: 'gen.h' };
    const started = await project.build();
    assert.deepEqual([...started.keys()], ['gen.h', 'a.o']);
    assert.deepEqual(started.get('a.o'), producer);
    assert.equal(project.read('a.o'), 'include "gen.h"\n2\n');
  });

  test('phony edges are groups, aliases and files that need not exist', async (t) => {
    const project = ninja(
      t,
      `rule copy
  command = cp $in $out
rule cat
  command = cat a.out b.out > $out
build a.out: copy a
build b.out: copy b
build both: phony a.out b.out
build all.out: cat both | optional.h
build optional.h: phony
default both
`,
      { a: 'a', b: 'b' },
    );
    assert.deepEqual(keys(await project.build()), ['a.out', 'b.out']);
    assert.deepEqual(keys(await project.build(['all.out'])), ['all.out']);
    project.write('a', 'A');
    assert.deepEqual(keys(await project.build(['all.out'])), ['a.out', 'all.out']);
    assert.deepEqual(await project.build(['both']), new Map());
  });

  test('a phony of a file that is missing fails where ninja refuses it', async (t) => {
    const cases: [statements: string, ...args: string[]][] = [
      ['build lost: phony none', 'lost'],
      ['build lost: phony none'],
      ['build lost: phony none\nbuild a: r\ndefault lost'],
      ['build lost: phony none\nbuild a: r', '-k0'],
      ['build lost: phony none\nbuild a: r', 'a'],
      ['build lost: phony | none', 'lost'],
      ['build lost: phony || none', 'lost'],
      ['build lost other: phony none', 'other'],
      ['build lost: phony\nbuild p: phony lost', 'p'],
      ['build lost: phony\nbuild a: r lost', 'a'],
      ['build lost: phony none\nbuild p: phony lost', 'p'],
      ['build lost: phony none\nbuild a: r lost', 'a'],
      ['build lost: phony none\nbuild a: r || lost', 'a'],
      ['build lost: phony || none\nbuild a: r lost', 'a'],
      ['build a: r\nbuild lost: phony a none', 'lost'],
    ];
    for (const [statements, ...args] of cases) {
      const manifest = `rule r\n  command = touch $out\n${statements}\n`;
      const [theirs, ours] = [ninja(t, manifest), ninja(t, manifest)];
      const expected = await theirs.spawn(['ninja', ...args]).result;
      const result = await ours.millrace(['run', '--json', ...args]);
      assert.equal(result.exitCode, expected.exitCode, `${statements}\n${explain(result)}`);
      const lost = finished(result).get('lost');
      assert.equal(lost?.outcome, result.exitCode === 0 ? undefined : 'failed');
      if (lost === undefined) continue;
      assert.match(
        expected.stdout.toString() + expected.stderr,
        /'none', needed by '(?:lost|other)', missing/,
      );
      assert.equal(lost.message, 'Its input "none" is missing, and no task makes it.');
      assert.deepEqual([summary(result).failed, summary(result).cancelled], [1, 0], statements);
      ours.write('none', '');
      await ours.build(args);
    }
  });

  test('why tells of a phony that its file is missing', async (t) => {
    const project = ninja(t, 'rule r\n  command = touch $out\nbuild lost: phony none\nbuild a: r lost\n');
    assert.equal((await project.millrace(['-k0'])).exitCode, 1);
    const why = (await project.millrace(['why', 'lost'])).stdout.toString();
    assert.match(why, /last run: 1, .* failed/);
    assert.match(why, /input is missing: "none", and no task makes it/);
    project.write('none', '');
    await project.build();
    assert.match((await project.millrace(['why', 'lost'])).stdout.toString(), /fresh/);
  });

  test('an edge that needs a phony that never comes into being runs each time', async (t) => {
    const project = ninja(
      t,
      `rule stamp
  command = git=$$(cat version); echo $$git > $out.new; cmp -s $out.new $out || cp $out.new $out
  restat = 1
rule copy
  command = cp $in $out
build version.h: stamp | FORCE
build FORCE: phony
build out: copy version.h
`,
      { version: '1' },
    );
    assert.deepEqual([...(await project.build()).keys()], ['version.h', 'out']);
    assert.deepEqual([...(await project.build()).keys()], ['version.h']);
    project.write('version', '2');
    assert.deepEqual([...(await project.build()).keys()], ['version.h', 'out']);
    assert.equal(project.read('out'), '2\n');
  });

  test('a response file is there for the command, and kept if it fails', async (t) => {
    const project = ninja(
      t,
      `rule rsp
  command = cp $out.rsp $out && test -e ok
  rspfile = $out.rsp
  rspfile_content = $in_newline $$(touch pwned)
build out: rsp a b$ c
`,
      { a: '', 'b c': '' },
    );
    assert.equal((await project.millrace([])).exitCode, 1);
    assert.ok(project.exists('out.rsp'));
    project.write('ok', '');
    await project.build();
    assert.equal(project.read('out'), "a\n'b c' $(touch pwned)");
    assert.equal(project.exists('out.rsp'), false);
    assert.equal(project.exists('pwned'), false);
    const manifest = project.read('build.ninja').replace('$$(touch pwned)', 'more');
    project.write('build.ninja', manifest);
    assert.deepEqual(await project.build(), new Map([['out', { kind: 'command-changed' }]]));
  });

  test('pools bound how many run at once', async (t) => {
    const names = ['a', 'b', 'c', 'd'];
    const project = ninja(
      t,
      `pool heavy
  depth = 1
rule lock
  command = mkdir lock && sleep 0.02 && rmdir lock && touch $out
  pool = heavy
${names.map((name) => `build ${name}: lock`).join('\n')}
build e: lock
  pool = console
`.replace('build e: lock\n  pool = console\n', ''),
    );
    assert.deepEqual(keys(await project.build(['-j4'])), names);
  });

  test('several outputs are made by one edge, and each is looked after', async (t) => {
    const project = ninja(
      t,
      `rule two
  command = cp in one; cp in two
rule copy
  command = cp $in $out
build one | two: two in
build third: copy two
`,
      { in: '1' },
    );
    assert.deepEqual([...(await project.build()).keys()], ['one', 'third']);
    project.delete('two');
    assert.deepEqual(
      await project.build(['third']),
      new Map([['one', { kind: 'output-missing', path: 'two', count: 1 }]]),
    );
    project.write('in', '2');
    assert.deepEqual(keys(await project.build(['two'])), ['one']);
    assert.equal((await project.build()).size, 1);
  });

  test('other files are taken in, with scopes of their own', async (t) => {
    const project = ninja(
      t,
      `word = outer
include rules.ninja
subninja sub/build.ninja
build a: say
default a
`,
      {
        'rules.ninja': 'rule say\n  command = echo $word > $out\n',
        'sub/build.ninja': 'word = inner\nbuild b: say\n',
      },
    );
    assert.deepEqual(keys(await project.build()), ['a']);
    assert.deepEqual(keys(await project.build(['b'])), ['b']);
    assert.equal(project.read('a') + project.read('b'), 'outer\ninner\n');
    project.write('sub/build.ninja', 'word = changed\nbuild b: say\n');
    assert.deepEqual(await project.build(['a', 'b']), new Map([['b', { kind: 'command-changed' }]]));
  });

  test('a source that is missing is named', async (t) => {
    const project = objects(t);
    project.delete('b.c');
    const result = await project.millrace(['run', '--json', '-k0']);
    assert.equal(result.exitCode, 1, explain(result));
    assert.match(finished(result).get('obj/b.o')!.message!, /"b\.c" is missing/);
    assert.deepEqual(
      eventsOf(result, 'task-blocked').map(({ task }) => task),
      ['app'],
    );
  });

  test('what is not supported is refused by name and place', async (t) => {
    const project = ninja(t, 'rule r\n  command = x\nbuild a: r\n  dyndep = dd\n');
    const result = await project.millrace([]);
    assert.equal(result.exitCode, 2, explain(result));
    assert.match(result.stderr, /build\.ninja:4:\d+: .*dyndep/);
  });
});
