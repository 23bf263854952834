import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalise } from '../../../src/manifest/ninja/index.js';
import { firstTask, ROOT, readText, taskOf } from './support.js';

const CAT = 'rule cat\n  command = cat $in > $out\n';

describe('statements', () => {
  test('an empty manifest has no tasks', () => {
    const { placeOf, ...manifest } = readText('');
    assert.equal(placeOf('a'), undefined);
    assert.deepEqual(manifest, {
      kind: 'ninja',
      path: `${ROOT}/build.ninja`,
      root: ROOT,
      files: [`${ROOT}/build.ninja`],
      tasks: [],
      pools: {},
      defaults: [],
    });
  });

  test('every kind of input and output', () => {
    const manifest = readText(
      `${CAT}build a b | c: cat d e | f g || h i\nbuild h: cat x\nbuild e: cat y\nbuild i f: cat z\n`,
    );
    assert.deepEqual(taskOf(manifest, 'a'), {
      id: 'a',
      dependencies: ['e', 'i', 'h'],
      command: 'cat d e > a b',
      inputs: ['d', 'e', 'f', 'g'],
      outputs: ['a', 'b', 'c'],
      literal: true,
      optionalOutputs: true,
    });
  });

  test('an edge may have implicit outputs only, and an input twice', () => {
    const task = firstTask(`${CAT}build | a: cat b b | b\n`);
    assert.equal(task.id, 'a');
    assert.equal(task.command, 'cat b b > ');
    assert.deepEqual(task.inputs, ['b']);
  });

  test('comments, blank lines, continued lines and CRLF', () => {
    const text = [
      '# a comment',
      '   # an indented one',
      'rule cat',
      '  # one inside',
      '  command = cat $',
      '      $in',
      '',
      '   ',
      'build $',
      '    a: $',
      '    cat $',
      '    b c$',
      '    d',
      '  x = 1 # not a comment',
    ];
    for (const end of ['\n', '\r\n']) {
      const task = firstTask(text.map((line) => line + end).join(''));
      assert.equal(task.command, 'cat b cd');
      assert.deepEqual(task.inputs, ['b', 'cd']);
    }
  });

  test('escapes in paths and values', () => {
    const value = ['$$HOME', '$:', '$ ', '$', '{in}', ' $out-x $', '{x.y}', '! é'].join('');
    const task = firstTask(
      `rule r\n  command = ${value}\nx.y = dotted\nout-x = one name\nbuild a: r c$:d $$e f$ g\n`,
    );
    assert.equal(task.command, "$HOME: 'c:d' '$e' 'f g' one name dotted! é");
    assert.deepEqual(task.inputs, ['c:d', '$e', 'f g']);
  });
});

describe('paths', () => {
  test('are canonical, whatever their spelling', () => {
    const manifest = readText(`${CAT}build ./a//b/../c: cat /x/./y/\nbuild d: cat a/c\ndefault ././d\n`);
    assert.deepEqual(taskOf(manifest, 'a/c').inputs, ['/x/y']);
    assert.deepEqual(taskOf(manifest, 'd').dependencies, ['a/c']);
    assert.deepEqual(manifest.defaults, ['d']);
  });

  const spellings: readonly (readonly [string, string])[] = [
    ['a', 'a'],
    ['./a', 'a'],
    ['a/', 'a'],
    ['a/./b', 'a/b'],
    ['a//b', 'a/b'],
    ['a/../b', 'b'],
    ['a/..', '.'],
    ['.', '.'],
    ['./', '.'],
    ['..', '..'],
    ['../a', '../a'],
    ['../../a', '../../a'],
    ['a/../../b', '../b'],
    ['/', '/'],
    ['//a', '/a'],
    ['/a/../b', '/b'],
    ['.a/..b/c..', '.a/..b/c..'],
    ['a/.b/..', 'a'],
  ];
  for (const [spelling, path] of spellings) {
    test(`${spelling} is ${path}`, () => {
      assert.equal(canonicalise(spelling), path);
      assert.equal(canonicalise(path), path);
    });
  }

  test('are quoted for the shell only where a shell reads them', () => {
    const task = firstTask(
      "rule r\n  command = use $in\n  depfile = $out.d\n  rspfile = $out.rsp\n  rspfile_content = $in_newline\nbuild it's: r a$ b c\n",
    );
    assert.equal(task.command, "use 'a b' c");
    assert.equal(task.depfile, "it's.d");
    assert.deepEqual(task.responseFile, { path: "it's.rsp", content: "'a b'\nc" });
  });
});

describe('variables', () => {
  test('a value sees what was set before; a command sees what is set at the end', () => {
    const task = firstTask(
      'x = 1\ny = $x\nx = 2\nrule r\n  command = $x $y $z $unknown.\nbuild a: r\nz = 3\nx = 4\n',
    );
    assert.equal(task.command, '4 1 3 .');
  });

  test('those of an edge come before the file, for paths too, and do not see each other', () => {
    const manifest = readText(
      'x = file\nrule r\n  command = $x $y $in\nbuild $x: r $y\n  x = edge\n  y = $x.y\nbuild $x: r\n',
    );
    assert.deepEqual(
      manifest.tasks.map((task) => [task.id, task.command]),
      [
        ['edge', 'edge file.y file.y'],
        ['file', 'file  '],
      ],
    );
  });

  test('those of a rule are evaluated for each edge and see each other', () => {
    const manifest = readText(
      'rule r\n  command = $description; $depfile\n  description = D $out $n\n  depfile = $out.d\nbuild a: r\n  n = 1\nbuild b: r\n  depfile = other\n',
    );
    assert.equal(taskOf(manifest, 'a').command, 'D a 1; a.d');
    assert.equal(taskOf(manifest, 'b').command, 'D b ; other');
    assert.equal(taskOf(manifest, 'b').depfile, 'other');
  });

  test('$in means nothing in a variable of an edge', () => {
    assert.equal(firstTask('rule r\n  command = $x.\nbuild a: r b\n  x = <$in>\n').command, '<>.');
  });

  test('as in ninja, those of the file come before those of the rule for an edge without its own', () => {
    const manifest = readText(
      'description = file\nrule r\n  command = c\n  description = rule\nbuild a: r\nbuild b: r\n  x = 1\n',
    );
    assert.equal(taskOf(manifest, 'a').description, 'file');
    assert.equal(taskOf(manifest, 'b').description, 'rule');
  });
});

describe('other files', () => {
  test('include shares the scope, subninja begins an inner one', () => {
    const manifest = readText(
      `x = 1\n${CAT}include a.ninja\nsubninja sub/$x.ninja\nrule after\n  command = $x $y $z\nbuild after: after\n`,
      {
        'a.ninja': 'x = 2\ny = included\n',
        'sub/2.ninja': 'x = 3\nz = inner\nrule cat\n  command = inner $x $y\nbuild inner: cat\n',
      },
    );
    assert.equal(taskOf(manifest, 'inner').command, 'inner 3 included');
    assert.equal(taskOf(manifest, 'after').command, '2 included ');
    assert.deepEqual(
      manifest.files,
      ['build.ninja', 'a.ninja', 'sub/2.ninja'].map((name) => `${ROOT}/${name}`),
    );
  });

  test('a file may be read twice, its name relates to the root, absolute ones too', () => {
    const manifest = readText('x = 1\nsubninja s/a.ninja\nx = 2\nsubninja /project/out/s/a.ninja\n', {
      's/a.ninja': 'include s/r.ninja\nbuild $x: r\n',
      's/r.ninja': 'rule r\n  command = $x\n',
    });
    assert.deepEqual(
      manifest.tasks.map((task) => task.id),
      ['1', '2'],
    );
    assert.equal(manifest.files.length, 3);
  });
});

describe('targets', () => {
  test('without a default statement, none: that means all', () => {
    assert.deepEqual(readText(`${CAT}build a: cat b\nbuild b: cat c\n`).defaults, []);
  });

  test('default statements add up; each output of an edge names it', () => {
    const manifest = readText(`t = b\n${CAT}default c\nbuild a | b: cat\nbuild c: cat\ndefault $t a\n`);
    assert.deepEqual(manifest.defaults, ['c', 'a']);
  });

  test('the task that makes the manifest', () => {
    const manifest = readText('rule g\n  command = g\n  generator = 1\nbuild x build.ninja: g | conf\n');
    assert.equal(manifest.regenerate, 'x');
    assert.equal(taskOf(manifest, 'x').ignoreCommandChange, true);
  });
});

describe('what a rule can say', () => {
  test('depfiles are kept or consumed', () => {
    const rule = 'rule r\n  command = c\n  depfile = $out.d\n  deps = $deps_of\n';
    assert.equal(firstTask(`${rule}build a: r\n`).depfileConsumed, undefined);
    assert.equal(firstTask(`${rule}build a: r\n  deps = gcc\n`).depfileConsumed, true);
    assert.equal(firstTask(`deps_of = gcc\n${rule}build a: r\n`).depfileConsumed, true);
  });

  test('pools; a depth of 0 is no limit', () => {
    const manifest = readText(
      'n = 3\npool link\n  depth = $n\npool free\n  depth = 0\nrule r\n  command = c\n  pool = $p\nbuild a: r\n  p = link\nbuild b: r\n  pool = console\nbuild c: r\n  pool = free\nbuild d: r\n',
    );
    assert.deepEqual(manifest.pools, { link: 3 });
    assert.deepEqual(
      manifest.tasks.map((task) => task.pool),
      ['link', 'console', undefined, undefined],
    );
  });

  test('what changes nothing here is accepted', () => {
    const task = firstTask(
      'ninja_required_version = 1.5\nbuilddir = out\nrule r\n  command = c\n  restat = 1\n  msvc_deps_prefix = x\nbuild a: r\n',
    );
    assert.deepEqual(Object.keys(task).sort(), [
      'command',
      'dependencies',
      'id',
      'inputs',
      'literal',
      'optionalOutputs',
      'outputs',
    ]);
  });
});
