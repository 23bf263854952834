import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { describeReason, expandGlobs, parseDepfile } from '../../src/artifacts/index.js';
import { pathFrom, rootPath } from '../../src/paths.js';
import { Project } from './support.js';

describe('parseDepfile', () => {
  const cases: [string, string, string[]][] = [
    ['one line', 'a.o: a.c a.h\n', ['a.c', 'a.h']],
    ['no line end', 'a.o: a.c', ['a.c']],
    ['nothing', '', []],
    ['no prerequisites', 'a.o:\n', []],
    ['continuations', 'a.o: a.c \\\n  b.h\\\n c.h \\\r\n d.h\n', ['a.c', 'b.h', 'c.h', 'd.h']],
    ['line ends of DOS', 'a.o: a.c\r\nb.o: b.c\r\n', ['a.c', 'b.c']],
    ['several rules and targets', 'a.o a.d: a.c x.h\nb.o : b.c x.h\n', ['a.c', 'x.h', 'b.c']],
    ['phony targets', 'a.o: a.c a.h\n\na.h:\n', ['a.c', 'a.h']],
    ['a continuation after the colon', 'a.o: \\\n a.c\n', ['a.c']],
    ['a target on a continued line', 'a.o \\\n b.o: a.c\n', ['a.c']],
    ['escapes', 'a\\ b.o: a\\ b.c x\\#y $$z a$b\n', ['a b.c', 'x#y', '$z', 'a$b']],
    ['pairs of backslashes', 'a: b\\\\\\ c d\\\\ e f\\g\n', ['b\\ c', 'd\\\\', 'e', 'f\\g']],
    ['colons in names', 'a.o: x:y.h c:/z.h\n', ['x:y.h', 'c:/z.h']],
    ['other characters', 'a.o: é.h [x].h a+b@c~.h "q".h\n', ['é.h', '[x].h', 'a+b@c~.h', '"q".h']],
    ['tabs', 'a.o:\ta.c\tb.h\n', ['a.c', 'b.h']],
  ];
  for (const [name, text, expected] of cases) {
    test(name, () => assert.deepEqual(parseDepfile(text, 'a.d'), expected));
  }

  test('words without a target are no dependency file', () => {
    assert.deepEqual(parseDepfile(' \n\\\n', 'a.d'), []);
    assert.deepEqual(parseDepfile('words\na.o: a.c\n', 'a.d'), ['a.c']);
    for (const text of ['garbage no colon\n', 'a.o a.c', 'a.o \\\n a.c\n']) {
      assert.throws(() => parseDepfile(text, 'a.d'), {
        code: 'INVALID_DEPFILE',
        message: 'Its depfile "a.d" is malformed: it has no ":" behind a target.',
      });
    }
  });
});

describe('paths', () => {
  test('have one spelling', () => {
    const cases = [
      ['a/b', 'a/b'],
      ['./a//b/', 'a/b'],
      ['a/./b/../c', 'a/c'],
      ['../x', '../x'],
      ['/a/../b/', '/b'],
      ['.', '.'],
      ['.a/..b/c.', '.a/..b/c.'],
      ['/', '/'],
      ['/root/a/./b', 'a/b'],
      ['../root/a', 'a'],
      ['/root', '.'],
      ['../root/', '.'],
      ['/rooted/a', '/rooted/a'],
      ['..a', '..a'],
    ];
    for (const [path, clean] of cases) assert.equal(rootPath(path!, '/root'), clean);
  });

  test('of a command are relative to the root if they are below it', () => {
    assert.equal(pathFrom('sub', '../x.h', '/r'), 'x.h');
    assert.equal(pathFrom('.', './x.h', '/r'), 'x.h');
    assert.equal(pathFrom('/elsewhere', 'x.h', '/r'), '/elsewhere/x.h');
    assert.equal(pathFrom('sub', '/usr/x.h', '/r'), '/usr/x.h');
    assert.equal(pathFrom('sub', '/r/gen//x.h', '/r'), 'gen/x.h');
    assert.equal(pathFrom('sub', '/root/x.h', '/r'), '/root/x.h');
  });
});

describe('describeReason', () => {
  test('names the first file and how many more', () => {
    assert.equal(
      describeReason({ kind: 'output-added', path: 'a\n', count: 3 }),
      'new output: "a\\n" and 2 more',
    );
    assert.equal(describeReason({ kind: 'never-ran' }), 'no success on record');
  });
});

describe('expandGlobs', () => {
  const files = [
    'a.ts',
    'b.js',
    '.hidden.ts',
    'src/c.ts',
    'src/deep/d.ts',
    'src/deep/d.test.ts',
    'src/node_modules/m.ts',
    'node_modules/p/i.ts',
    '.git/HEAD.ts',
    '.millrace/store.ts',
    'app/(group)/[id].ts',
    'we ird/$(x)\'".ts',
    'src/line\nbreak.ts',
    'src/new\nfolder/e.ts',
  ];
  const cases: [string, string[], string[]][] = [
    ['one level', ['*.ts'], ['.hidden.ts', 'a.ts']],
    [
      'all levels',
      ['src/**/*.ts'],
      ['src/c.ts', 'src/deep/d.test.ts', 'src/deep/d.ts', 'src/line\nbreak.ts', 'src/new\nfolder/e.ts'],
    ],
    ['negation before and after', ['!**/*.test.ts', 'src/deep/*', '!a.ts'], ['src/deep/d.ts']],
    ['negation of a folder', ['**/*.ts', '!src', '!app/**', '!we ird/'], ['.hidden.ts', 'a.ts']],
    ['a folder', ['./src/deep/'], ['src/deep/d.test.ts', 'src/deep/d.ts']],
    ['a folder that looks like a glob', ['app/(group)'], ['app/(group)/[id].ts']],
    ['a file that looks like a glob', ['app/(group)/[id].ts'], ['app/(group)/[id].ts']],
    ['a glob below parentheses', ['app/(group)/*.ts', '@(a|b).js'], ['app/(group)/[id].ts', 'b.js']],
    [
      'escapes',
      ['app/(group)/\\[id\\].ts', 'we ird/\\$\\(x\\)*'],
      ['app/(group)/[id].ts', 'we ird/$(x)\'".ts'],
    ],
    ['what is missing', ['nowhere.ts', 'a.ts', '!b.js', 'no/*.ts'], ['a.ts', 'nowhere.ts']],
    ['negated though it looks like a glob', ['app/**', '!app/(group)'], []],
    ['plain but negated', ['a.ts', '!a.*'], []],
    ['named left-outs', ['node_modules/**', '.git/HEAD.ts'], ['.git/HEAD.ts', 'node_modules/p/i.ts']],
    ['unnamed left-outs', ['**/[mip].ts', '**/HEAD.ts'], []],
    ['the state, even if named', ['.millrace/**', '.millrace/store.ts'], []],
    ['braces', ['{a,b}.{ts,js}'], ['a.ts', 'b.js']],
    ['nothing', [], []],
  ];
  for (const [name, patterns, expected] of cases) {
    test(name, (t) => {
      const project = new Project(t);
      for (const file of files) project.write(file, '');
      assert.deepEqual(expandGlobs(project.root, patterns, { exclude: ['.millrace'] }), expected);
    });
  }

  test('links to files are files, links to folders and to nothing are left alone', (t) => {
    const project = new Project(t);
    project.write('real/a.ts', '');
    symlinkSync('real/a.ts', project.path('link.ts'));
    symlinkSync('real', project.path('folder'));
    symlinkSync('nowhere', project.path('dangling.ts'));
    symlinkSync('.', project.path('real/self'));
    assert.deepEqual(expandGlobs(project.root, ['**/*.ts']), ['link.ts', 'real/a.ts']);
  });

  test('a matching name that is not UTF-8 is an error, an excluded one is not', (t) => {
    const project = new Project(t);
    const name = Buffer.concat([Buffer.from(project.path('bad')), Buffer.from([0xff]), Buffer.from('.ts')]);
    writeFileSync(name, '');
    t.after(() => rmSync(name, { force: true }));
    project.write('good.ts', '');
    project.write('really\ufffd.js', '');
    assert.throws(() => expandGlobs(project.root, ['*.ts']), {
      code: 'FILE_UNREADABLE',
      message: /not UTF-8/,
    });
    assert.deepEqual(expandGlobs(project.root, ['*.ts', '!bad*']), ['good.ts']);
    assert.deepEqual(expandGlobs(project.root, ['*.js']), ['really\ufffd.js']);
  });

  test('a pattern outside the root works', (t) => {
    const project = new Project(t);
    project.write('other/x.ts', '');
    mkdirSync(project.path('sub'));
    assert.deepEqual(expandGlobs(project.path('sub'), ['../other/*.ts', '../other/x.ts']), ['../other/x.ts']);
  });
});
