import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, test } from 'node:test';
import workers from 'node:worker_threads';
import { isRacy } from '../../src/artifacts/examine.js';
import { Content, createArtifacts, FileScanner, FileThreads } from '../../src/artifacts/index.js';
import { RefusedWorker, replaceWorker, until } from '../engine/lane-support.js';
import { becomeOld, Project } from './support.js';

class Ending extends workers.Worker {
  constructor(_: string, options: workers.WorkerOptions) {
    super('throw new Error("there is no memory")', { ...options, eval: true });
  }
}

const one = (row: number) => Int32Array.of(row);

describe('FileScanner', () => {
  test('tells bytes, absence, folders, pipes and links apart', async (t) => {
    const project = new Project(t);
    const { files } = project.artifacts;
    project.write('a', 'same');
    project.write('dir/b', 'same');
    symlinkSync('a', project.path('link'));
    symlinkSync('nowhere', project.path('dangling'));
    execFileSync('mkfifo', [project.path('pipe')]);
    const names = ['a', 'dir/b', 'link', 'dir', 'gone', 'a/below', 'dangling', 'pipe'];
    const rows = Int32Array.from(names, (name) => files.intern(name));
    await project.scanner().scan(rows);
    const [a, b, link, dir, ...others] = Array.from(rows, (row) => files.content(row));
    assert.ok(a! > Content.Special);
    assert.equal(b, a);
    assert.equal(link, a);
    assert.equal(dir, Content.Folder);
    assert.deepEqual(others, [Content.Missing, Content.Missing, Content.Missing, Content.Special]);
  });

  test('sees a change of equal size under an equal mtime', async (t) => {
    const project = new Project(t);
    const { files } = project.artifacts;
    const row = files.intern('a');
    project.write('a', 'old');
    project.age('a');
    await becomeOld();
    await project.scanner().scan(one(row));
    assert.ok(!files.isRacy(row));
    const before = files.content(row);
    project.write('a', 'new');
    project.age('a');
    await project.scanner().scan(one(row));
    assert.notEqual(files.content(row), before);
  });

  test('hashes a racy file again, and a settled one never', async (t) => {
    const project = new Project(t);
    const { files } = project.artifacts;
    const row = files.intern('a');
    project.write('a', 'text');
    const first = project.scanner();
    first.scanSync(one(row));
    assert.ok(files.isRacy(row));
    await becomeOld();
    await first.settle();
    assert.ok(!files.isRacy(row));
    // Were it hashed again, it would get the content of its bytes.
    files.record(row, Content.Unknown, files.stat(row), true);
    files.record(row, 4_242 as never, files.stat(row));
    project.scanner().scanSync(one(row));
    assert.equal(files.content(row), 4_242);
    files.record(row, 4_242 as never, files.stat(row), true);
    project.scanner().scanSync(one(row));
    assert.notEqual(files.content(row), 4_242);
  });

  test('writes nothing where nothing changed', async (t) => {
    const project = new Project(t);
    const { files, contents } = project.artifacts;
    project.write('a', 'text');
    mkdirSync(project.path('dir'));
    await becomeOld();
    const rows = Int32Array.from(['a', 'dir', 'gone'], (name) => files.intern(name));
    await project.scanner().scan(rows);
    const regions = [...files.regions(), ...contents.regions()];
    for (const [region] of regions) region.dirty.fill(0);
    project.write('dir/new', '');
    await project.scanner().scan(rows);
    for (const [region] of regions) assert.ok(!region.dirty.includes(1), region.name);
  });

  test('follows a file that becomes a folder, a link, another file, and goes', async (t) => {
    const project = new Project(t);
    const { files } = project.artifacts;
    const row = files.intern('a');
    const look = async () => {
      await project.scanner().scan(one(row));
      return files.content(row);
    };
    project.write('a', 'first');
    const first = await look();
    project.remove('a');
    assert.equal(await look(), Content.Missing);
    mkdirSync(project.path('a'));
    assert.equal(await look(), Content.Folder);
    rmSync(project.path('a'), { recursive: true });
    project.write('b', 'other');
    symlinkSync('b', project.path('a'));
    const other = await look();
    assert.ok(other > Content.Special && other !== first);
    project.remove('a');
    renameSync(project.path('b'), project.path('a'));
    assert.equal(await look(), other);
    writeFileSync(project.path('a'), 'first');
    assert.equal(await look(), first);
  });

  test('hashes files around the block size, and large ones in steps', async (t) => {
    const project = new Project(t);
    const { files, contents } = project.artifacts;
    const sizes = [0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 5 * 2 ** 20];
    for (const size of sizes) {
      project.write(`f${size}`, 'x'.repeat(size));
      const row = files.intern(`f${size}`);
      let turns = 0;
      const ticking = setInterval(() => turns++, 0);
      await project.scanner().scan(one(row));
      clearInterval(ticking);
      const expected = execFileSync('sha256sum', [project.path(`f${size}`)], { encoding: 'utf8' }).slice(
        0,
        64,
      );
      assert.equal(
        Buffer.from(contents.digestOf(files.content(row))!).toString('hex'),
        expected,
        String(size),
      );
      const again = project.scanner();
      files.record(row, Content.Unknown);
      again.scanSync(one(row));
      assert.equal(Buffer.from(contents.digestOf(files.content(row))!).toString('hex'), expected);
    }
  });

  test('keeps times before 1970 and far ahead, and sizes above 2^32', async (t) => {
    const project = new Project(t);
    const { files } = project.artifacts;
    for (const [name, time] of [
      ['early', -86_400],
      ['late', 4_000_000_000],
    ] as const) {
      project.write(name, 'text');
      utimesSync(project.path(name), new Date(time * 1000), new Date(time * 1000));
      await becomeOld();
      const row = files.intern(name);
      project.scanner().scanSync(one(row));
      assert.equal(files.stat(row).mtimeMs, time * 1000);
      assert.ok(!files.isRacy(row));
      assert.ok(files.isAsRecorded(row, statSync(project.path(name))));
    }
    project.write('sparse', '');
    truncateSync(project.path('sparse'), 2 ** 33);
    const row = files.intern('sparse');
    const stat = statSync(project.path('sparse'));
    files.record(row, 9 as never, stat);
    assert.ok(files.isAsRecorded(row, stat));
    assert.ok(!files.isAsRecorded(row, { ...stat, size: stat.size % 2 ** 32 }));
  });

  test('treats whole seconds as a coarse clock', () => {
    const stat = { size: 0, mtimeMs: 0, ctimeMs: 50_000, ino: 1 };
    assert.ok(isRacy(stat, 51_900));
    assert.ok(!isRacy(stat, 52_100));
    assert.ok(!isRacy({ ...stat, ctimeMs: 50_000.5 }, 50_100));
    assert.ok(isRacy({ ...stat, ctimeMs: 50_000.5 }, 50_010));
    assert.ok(isRacy({ ...stat, ctimeMs: 0, mtimeMs: 50_001 }, 50_010));
  });

  test('names the file that it may not look at', async (t) => {
    const project = new Project(t);
    symlinkSync('loop', project.path('loop'));
    const row = project.artifacts.files.intern('loop');
    const expected = { code: 'FILE_UNREADABLE', path: project.path('loop'), message: /symbolic links/ };
    const scanner = project.scanner();
    await scanner.scan(one(row));
    assert.throws(() => scanner.contentOf(row), expected);
    assert.throws(() => project.scanner().contentOf(row), expected);
    assert.equal(project.artifacts.files.content(row), Content.Unknown);
    project.remove('loop');
    project.write('loop', 'text');
    await scanner.scan(one(row));
    assert.equal(scanner.isUnreadable(row), false);
    assert.equal(scanner.contentOf(row), project.artifacts.files.content(row));
  });

  test('finds the same with further threads', async (t) => {
    const project = new Project(t);
    const threads = new FileThreads(2);
    t.after(() => threads.close());
    const names = Array.from({ length: 5_000 }, (_, index) => `d${index % 50}/f${index}`);
    names[1] = project.path('absolute');
    for (let index = 0; index < names.length; index++) {
      if (index % 7 !== 0 && index !== 1) project.write(names[index]!, `text ${index % 100}`);
    }
    project.write('absolute', 'text');
    project.write(names[0]!, 'x'.repeat(3 * 2 ** 20));
    const scan = async (together: boolean) => {
      const { files, contents } = createArtifacts();
      const rows = Int32Array.from(names, (name) => files.intern(name));
      const scanner = new FileScanner(files, contents, { root: project.root });
      await (together ? scanner.scanTogether(rows, threads) : scanner.scan(rows));
      assert.ok(rows.every((row) => scanner.isScanned(row)));
      assert.ok(files.content(rows[1]!) > Content.Special);
      return Array.from(rows, (row) => [
        contents.digestOf(files.content(row)) ?? files.content(row),
        files.stat(row),
      ]);
    };
    assert.deepEqual(await scan(true), await scan(false));
  });

  for (const [what, refused] of [
    ['the system refuses it threads', RefusedWorker],
    ['its threads end before they can do anything', Ending],
  ] as const) {
    test(`looks at all by itself if ${what}`, async (t) => {
      const project = new Project(t);
      project.write('in', 'text');
      const row = project.artifacts.files.intern('in');
      replaceWorker(t, refused);
      const threads = new FileThreads(2);
      t.after(() => threads.close());
      const scanner = project.scanner();
      await scanner.scanTogether(new Int32Array(500).fill(row), threads);
      await until('the threads are given up', () => !threads.started);
      await scanner.scanTogether(new Int32Array(500).fill(row), threads);
      assert.equal(threads.started, false);
      assert.ok(scanner.contentOf(row) > Content.Special);
    });
  }

  test('goes on if its threads end while several scans wait for them', async (t) => {
    const project = new Project(t);
    project.write('in', 'text');
    const row = project.artifacts.files.intern('in');
    replaceWorker(t, Ending);
    const threads = new FileThreads(2);
    t.after(() => threads.close());
    const scanner = project.scanner();
    const rows = new Int32Array(500).fill(row);
    await Promise.all(Array.from({ length: 3 }, () => scanner.scanTogether(rows, threads)));
    assert.ok(scanner.contentOf(row) > Content.Special);
  });

  test('meets an error of another thread itself', async (t) => {
    const project = new Project(t);
    symlinkSync('loop', project.path('loop'));
    const row = project.artifacts.files.intern('loop');
    const threads = new FileThreads(2);
    t.after(() => threads.close());
    const scanner = project.scanner();
    await scanner.scanTogether(new Int32Array(500).fill(row), threads);
    assert.throws(() => scanner.contentOf(row), { code: 'FILE_UNREADABLE' });
  });
});
