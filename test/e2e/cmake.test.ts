import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireTools, Twins } from './cmake-project.js';
import { Project } from './rig.js';

const OBJECTS = {
  core: 'CMakeFiles/core.dir/core.c.o',
  util: 'CMakeFiles/core.dir/util.c.o',
  extra: 'CMakeFiles/core.dir/extra.c.o',
  table: 'CMakeFiles/core.dir/table.c.o',
  plug: 'CMakeFiles/plug.dir/plug.c.o',
  main: 'app/CMakeFiles/demo.dir/main.c.o',
  spaced: 'app/CMakeFiles/demo.dir/with_space.c.o',
} as const;
const LIBRARY = 'libcore.a';
const SHARED = 'libplug.so.1.2.3';
/** Links to the shared library. */
const LINKS = 'libplug.so.1';
const PROGRAM = 'app/demo';
/** Is run each time, by both. */
const REPORT = 'CMakeFiles/report';

const sorted = (...names: string[]) => names.sort();

test('a CMake project is built as by ninja', async (t) => {
  requireTools();
  const twins = await Twins.configure(new Project(t));

  /** Both start the same tasks. */
  async function bothStart(...expected: string[]): Promise<void> {
    const { ninja, millrace } = await twins.build();
    assert.deepEqual(millrace, sorted(...expected));
    assert.deepEqual(ninja, sorted(...expected));
  }

  await t.test('at first', async () => {
    const { ninja, millrace } = await twins.build();
    assert.deepEqual(
      ninja,
      sorted('table.c', ...Object.values(OBJECTS), LIBRARY, SHARED, LINKS, PROGRAM, REPORT),
    );
    // It has not seen how build.ninja came about, so it lets CMake make it once more.
    assert.deepEqual(millrace, sorted('build.ninja', ...ninja));
    assert.equal(twins.report(), '3 56 7 9 5\n');
  });

  await t.test('when nothing has changed', async () => {
    await bothStart(REPORT);
    await bothStart(REPORT);
  });

  await t.test('when a source has changed', async () => {
    twins.write('extra.c', (content) => content.replace('7', '8'));
    await bothStart(OBJECTS.extra, LIBRARY, PROGRAM, REPORT);
    assert.equal(twins.report(), '3 56 8 9 5\n');
  });

  await t.test('when a shared library has changed, which the program is linked with', async () => {
    twins.write('plug.c', (content) => content.replace('5', '6'));
    await bothStart(OBJECTS.plug, SHARED, LINKS, PROGRAM, REPORT);
    assert.equal(twins.report(), '3 56 8 9 6\n');
  });

  await t.test('when a header has changed, also one that another header includes', async () => {
    twins.write('include/core.h', (content) => content.replace('3', '4'));
    await bothStart(OBJECTS.core, OBJECTS.main, LIBRARY, PROGRAM, REPORT);
    twins.write('include/limits.h', (content) => content.replace('100', '50'));
    const { ninja, millrace } = await twins.build();
    assert.deepEqual(ninja, sorted(OBJECTS.core, OBJECTS.util, LIBRARY, PROGRAM, REPORT));
    assert.deepEqual(millrace, ninja);
    assert.equal(twins.report(), '4 50 8 9 6\n');
  });

  await t.test('when the input of a generator has changed', async () => {
    twins.write('table.txt', () => '1\n');
    await bothStart('table.c', OBJECTS.table, LIBRARY, PROGRAM, REPORT);
    assert.equal(twins.report(), '4 21 8 9 6\n');
  });

  await t.test('when CMakeLists.txt has changed', async () => {
    twins.write('more.c', () => 'int more(void) { return 1; }\n');
    twins.write('CMakeLists.txt', (content) => content.replace('extra.c', 'extra.c more.c'));
    await bothStart('build.ninja', 'CMakeFiles/core.dir/more.c.o', LIBRARY, PROGRAM, REPORT);
    await bothStart(REPORT);
    twins.write('CMakeLists.txt', (content) => content.replace('report ALL', 'report ALL COMMENT "Running"'));
    await bothStart('build.ninja', REPORT);
    twins.write(
      'CMakeLists.txt',
      (content) => `${content}\nset_source_files_properties(util.c PROPERTIES COMPILE_OPTIONS -O0)\n`,
    );
    await bothStart('build.ninja', OBJECTS.util, LIBRARY, PROGRAM, REPORT);
  });

  // ninja goes by times, millrace by content: it starts nothing that could not have another result.
  await t.test('with less work when a file was only touched', async () => {
    twins.write('core.c', (content) => content);
    const { ninja, millrace } = await twins.build();
    assert.deepEqual(ninja, sorted(OBJECTS.core, LIBRARY, PROGRAM, REPORT));
    assert.deepEqual(millrace, [REPORT]);
  });

  await t.test('with less work when a compiler made the same object of a changed source', async () => {
    twins.write('include/core.h', (content) => `/* A comment. */ ${content}`);
    const { ninja, millrace } = await twins.build();
    assert.deepEqual(ninja, sorted(OBJECTS.core, OBJECTS.main, LIBRARY, PROGRAM, REPORT));
    assert.deepEqual(millrace, sorted(OBJECTS.core, OBJECTS.main, REPORT));
  });
});
